#!/bin/bash
# Software: Linux 6.18.44 and iproute2 6.1.0 (Debian 12); 7.3.0 does the same.
# Guess: `ip rule add fwmark 0 lookup 200` is a rule for the packets that have no
#   mark, and `ip rule del fwmark 0 lookup 100` fails while the one rule for
#   table 100 is that for mark 5.
# Behaviour: a mark of 0 without a mask is no condition. The rule is for all
#   packets, also with mark 5, and is listed so; the deletion takes the rule for
#   mark 5. Both exit 0.
# Lesson: give the mask: `fwmark 0/0xffffffff` is what it says.
# Seen: IPv4: 100: from all lookup 200
#   IPv4, mark 5: table 200
#   IPv4, mark 5, with the mask: table main
#   IPv4, deleted: status 0, left nothing of 1000: from all fwmark 0x5 lookup 100
#   (IPv6 the same)
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local status
	for family in 4 6; do
		address=192.0.2.1
		[ "$family" = 4 ] || address=2001:db8::1
		for table in main 200; do
			run ip "-$family" route add "$address" dev lo table "$table"
		done
		run ip "-$family" rule add fwmark 0 lookup 200 pref 100
		echo "IPv$family: $(rules 100)"
		echo "IPv$family, mark 5: $(table)"
		run ip "-$family" rule del pref 100
		run ip "-$family" rule add fwmark 0/0xffffffff lookup 200 pref 100
		echo "IPv$family, mark 5, with the mask: $(table)"

		run ip "-$family" rule add fwmark 5 lookup 100 pref 1000
		before=$(rules 1000)
		status=0
		run ip "-$family" rule del fwmark 0 lookup 100 || status=$?
		after=$(rules 1000)
		echo "IPv$family, deleted: status $status, left ${after:-nothing} of $before"
	done
}

# rules PRIORITY: the rules that have it.
# shellcheck disable=SC2317 # the trial runs it
rules() {
	run ip "-$family" rule list | sed -n "/^$1:/s/\t/ /p"
}

# table: where a packet with mark 5 is routed.
# shellcheck disable=SC2317 # the trial runs it
table() {
	run ip "-$family" route get "$address" mark 5 | grep -o 'table [0-9]*' ||
		echo table main
}

seen=$(in_namespace trial)
echo "$seen"
for family in 4 6; do
	expect "the rule is listed with its mark" "^IPv$family: 100: from all lookup 200$" "$seen"
	expect "a marked packet does not match" "^IPv$family, mark 5: table 200$" "$seen"
	expect "the mask" "^IPv$family, mark 5, with the mask: table main$" "$seen"
	expect "the deletion" "^IPv$family, deleted: status 0, left nothing of 1000: " "$seen"
done
as_recorded
