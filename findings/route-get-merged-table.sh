#!/bin/bash
# Software: Linux 6.18.44 and iproute2 6.1.0 (Debian 12).
# Guess: where the kernel is asked for the route to an address of the host and
#   for its table, it answers "local", the table in which ip(8) lists the route.
# Behaviour: for IPv4 it answers "main" until the namespace has its first
#   routing rule, then "local" for ever, also once that rule is gone. Until then
#   the kernel keeps one table for both. For IPv6 it is always "local".
# Lesson: a program that separates the host's addresses from those that a proxy's
#   rule makes local takes "main" for "local"; a test on a host with rules does
#   not show it.
# Seen: at first: IPv4 main, IPv6 local
#   with a rule: IPv4 local, IPv6 local
#   without it: IPv4 local, IPv6 local
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# table FAMILY ADDRESS: the one that the kernel names; ip(8) has it in "local".
# shellcheck disable=SC2317 # in_namespace runs it
table() {
	run ip "$1" route show table local | grep -q "^local $2 " || echo unlisted
	run ip -details route get fibmatch "$2" | grep -o 'table [a-z]*' | cut -c 7-
}

# shellcheck disable=SC2317 # in_namespace runs it
tables() {
	echo "$1: IPv4 $(table -4 198.51.100.1), IPv6 $(table -6 2001:db8::1)"
}

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	ip addr add 198.51.100.1/24 dev lo
	ip addr add 2001:db8::1/64 dev lo
	tables 'at first'
	ip rule add to 192.0.2.0/24 lookup main
	ip -6 rule add to 2001:db8:1::/64 lookup main
	tables 'with a rule'
	ip rule del to 192.0.2.0/24
	ip -6 rule del to 2001:db8:1::/64
	tables 'without it'
}

seen=$(in_namespace trial)
echo "$seen"
expect "the merged table" '^at first: IPv4 main, IPv6 local$' "$seen"
expect "the first rule" '^with a rule: IPv4 local, IPv6 local$' "$seen"
expect "its end" '^without it: IPv4 local, IPv6 local$' "$seen"
as_recorded
