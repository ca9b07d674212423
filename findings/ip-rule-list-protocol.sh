#!/bin/bash
# Software: iproute2 6.1.0 (Debian 12), on Linux 6.18.44; 7.3.0 does the same.
# Guess: `ip rule list protocol kernel` lists the rules of that protocol alone, as
#   `ip rule flush protocol` removes those of one alone, and as `ip route list
#   protocol` does.
# Behaviour: the list takes the word and ignores it, so all rules are listed. The
#   flush heeds it.
# Lesson: a script that asks whether its rule of a protocol is there searches the
#   text of `ip -details rule list`; without -details "proto kernel" and none are
#   not shown.
# Seen: IPv4, list kernel: none static kernel
#   IPv4, list static: none static kernel
#   IPv4, after flush static: none kernel
#   IPv4, without -details: none static none
#   (IPv6 the same)
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# protocols WORD...: those of our rules in a list, in the order of preference.
# shellcheck disable=SC2317 # in_namespace runs it
protocols() {
	run ip "$@" | sed -n 's/ *$//; s/^10[0-2]:.* lookup 5$/none/p
		s/^10[0-2]:.* lookup 5 proto //p' | sed 's/unspec/none/' | xargs
}

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local family each
	for family in 4 6; do
		run ip "-$family" rule add fwmark 1 lookup 5 pref 100
		run ip "-$family" rule add fwmark 2 lookup 5 pref 101 protocol static
		run ip "-$family" rule add fwmark 3 lookup 5 pref 102 protocol kernel
		for each in kernel static; do
			echo "IPv$family, list $each:" \
				"$(protocols "-$family" -details rule list protocol "$each")"
		done
		echo "IPv$family, without -details: $(protocols "-$family" rule list)"
		run ip "-$family" rule flush protocol static
		echo "IPv$family, after flush static:" \
			"$(protocols "-$family" -details rule list)"
	done
}

seen=$(in_namespace trial)
echo "$seen"
for family in 4 6; do
	expect "the list" "^IPv$family, list kernel: none static kernel$" "$seen"
	expect "the list" "^IPv$family, list static: none static kernel$" "$seen"
	expect "the short list" "^IPv$family, without -details: none static none$" "$seen"
	expect "the flush" "^IPv$family, after flush static: none kernel$" "$seen"
done
as_recorded
