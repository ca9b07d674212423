#!/bin/bash
# Software: nftables 1.0.6 (Debian 12), on Linux 6.18.44.
# Guess: in `nft -j list ruleset` a table with `flags dormant` has
#   "flags": "dormant" or "flags": ["dormant"].
# Behaviour: the value of "flags" is the name of the table. Who reads the JSON
#   must ask the text, or the kernel, whether a table is dormant.
# Seen: {"table": {"family": "inet", "name": "sleeper", "handle": 1, "flags": "sleeper"}}
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	run nft 'add table inet sleeper { flags dormant; }'
	run nft list ruleset
	run nft -j list ruleset
}

seen=$(in_namespace trial)
echo "$seen"
expect "the text has no flag" 'flags dormant' "$seen"
expect_no "the JSON names the flag" '"flags": \[?"dormant"' "$seen"
as_recorded
