#!/bin/bash
# Software: nftables 1.0.6 (Debian 12), on Linux 6.18.44; 1.1.7 does the same.
# Guess: `nft -n -j` prints `meta protocol ip` as 2048, the number of the
#   EtherType 0x0800, as `nft -n` does; 1.1.7 does so at any rate.
# Behaviour: the text has 0x0800; the JSON has 8, the two bytes swapped, on a
#   little-endian machine. Loaded again, the JSON is a rule for another
#   protocol, without an error.
# Seen: meta protocol 0x0800 accept
#   {"match": {"op": "==", "left": {"meta": {"key": "protocol"}}, "right": 8}}
#   meta protocol 0x0008 accept
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	run nft -f - <<-'EOF'
	table inet filter {
		chain input {
			type filter hook input priority 0
			meta protocol ip accept
		}
	}
	EOF
	run nft -n list ruleset
	run nft -n -j list ruleset | tee "$work/saved.json"
	run nft flush ruleset
	run nft -j -f "$work/saved.json"
	echo "loaded again:"
	run nft -n list ruleset
}

seen=$(in_namespace trial)
echo "$seen"
expect "the text has another number" 'meta protocol 0x0800 accept' "$seen"
expect "the JSON has another number" '"key": "protocol"}}, "right": 8}' "$seen"
expect "loaded again it is the same rule" 'meta protocol 0x0008 accept' "$seen"
as_recorded
