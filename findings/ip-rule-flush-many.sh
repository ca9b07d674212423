#!/bin/bash
# Software: iproute2 6.1.0 (Debian 12), on Linux 6.18.44; 6.15.0 and 7.3.0 do
#   the same.
# Expected: `ip rule flush` removes every rule but the one of priority 0, and
#   fails if it cannot, as `ip route flush`, `ip addr flush` and `ip neigh flush`
#   do with thousands.
# Behaviour: of 1,000 rules it leaves some 50 and exits 0. It deletes while
#   the dump of the rules goes on; the kernel goes on by position, so each
#   part of the dump skips as many rules as the part before has lost. A dump
#   that fits one part, as 20 rules do, hides this.
# Seen: 20 rules: status 0, 0 left
#   1000 rules: status 0, 54 left
#   again: status 0, 0 left
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	flush() {
		local status=0
		ip rule flush || status=$?
		echo "$1: status $status, $(ip rule list | grep -vc '^0:') left"
	}
	add() {
		local n
		for n in $(seq "$1"); do
			echo "rule add from 10.0.$((n / 250)).$((n % 250)) table 100 pref $((n + 9))"
		done | ip -batch -
	}
	ip rule flush
	add 20
	flush "20 rules"
	add 1000
	flush "1000 rules"
	flush again
}

seen=$(in_namespace trial)
echo "$seen"
expect "few rules are left" '^20 rules: status 0, 0 left$' "$seen"
expect "all of many rules go" '^1000 rules: status 0, [1-9][0-9]* left$' "$seen"
expect "a second flush leaves rules" '^again: status 0, 0 left$' "$seen"
as_recorded
