#!/bin/bash
# Software: iptables 1.8.9 and nftables 1.0.6 (Debian 12), on Linux 6.18.44.
# Guess: ip6tables-nft-save cannot express a native rule with an anonymous
#   set; it leaves the table out, says that it is incompatible and fails.
# Behaviour: it saves the rule without its match, so a rule for two addresses
#   becomes a rule for all of them, and exits 0 without a warning.
# Seen: from ip6 daddr { ::5, ::6 } return
#   -A PREROUTING -j RETURN
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 \
	iptables=1.8.9-2 libxtables12=1.8.9-2

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	run nft -f - <<-'EOF'
	table ip6 nat {
		chain PREROUTING {
			type nat hook prerouting priority dstnat
			ip6 daddr { ::5, ::6 } return
		}
	}
	EOF
	run nft list ruleset
	run ip6tables-nft-save -t nat 2>&1
	echo "status $?"
}

seen=$(in_namespace trial)
echo "$seen"
expect "the rule is saved otherwise" '^-A PREROUTING -j RETURN$' "$seen"
expect_no "the program warns" 'incompatible|[Ww]arning' "$seen"
expect "the program fails" '^status 0$' "$seen"
as_recorded
