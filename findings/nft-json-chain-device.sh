#!/bin/bash
# Software: nftables 1.0.6 (Debian 12), on Linux 6.18.44.
# Guess: the JSON of a chain at the ingress or egress hook has "dev", as
#   libnftables-json(5) describes it, for the text has `device`.
# Behaviour: the text names the device and the JSON leaves it out, so the JSON
#   cannot tell which interface a chain belongs to, nor be loaded again.
# Seen: type filter hook ingress device "up0" priority filter; policy accept;
#   {"chain": {"family": "netdev", "table": "edge", "name": "in", "handle": 1,
#   "type": "filter", "hook": "ingress", "prio": 0, "policy": "accept"}}
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	ip link add up0 type veth peer name up1
	run nft -f - <<-'EOF'
	table netdev edge {
		chain in {
			type filter hook ingress device up0 priority 0
		}
		chain out {
			type filter hook egress device up0 priority 0
		}
	}
	EOF
	run nft list ruleset
	run nft -j list ruleset
}

seen=$(in_namespace trial)
echo "$seen"
expect "the text has no ingress device" 'ingress device "?up0' "$seen"
expect "the text has no egress device" 'egress device "?up0' "$seen"
expect_no "the JSON has a device" '"dev"' "$seen"
as_recorded
