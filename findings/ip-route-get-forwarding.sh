#!/bin/bash
# Software: Linux 6.18.44 and iproute2 6.1.0 (Debian 12).
# Guess: `ip route get ... iif DEVICE` answers what the rules and routes say:
#   EACCES for `prohibit`, EINVAL for `blackhole`, ENETUNREACH for
#   `unreachable`, whatever the host forwards.
# Behaviour: with forwarding off each answer is EHOSTUNREACH, for a packet
#   that a rule decides as for one that has a route. The rule shows only with
#   forwarding on. Whoever asks why a packet goes nowhere learns "no route".
# Seen: forwarding 0: 6 No route to host, 7 No route to host,
#   8 No route to host, 9 No route to host
#   forwarding 1: 6 Invalid argument, 7 Network is unreachable,
#   8 Permission denied, 9 dev up1
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local forward host
	ip link add up0 type veth peer name up1
	ip link set up0 up
	ip link set up1 up
	ip addr add 10.0.0.1/24 dev up0
	ip addr add 10.0.1.1/24 dev up1
	ip rule add from 10.0.0.6 blackhole priority 100
	ip rule add from 10.0.0.7 unreachable priority 101
	ip rule add from 10.0.0.8 prohibit priority 102
	for forward in 0 1; do
		sysctl -qw net.ipv4.ip_forward="$forward"
		for host in 6 7 8 9; do
			echo "forwarding $forward, $host:" \
				"$(ip route get 10.0.1.5 from "10.0.0.$host" iif up0 2>&1)"
		done
	done
}

seen=$(in_namespace trial)
echo "$seen"
for host in 6 7 8 9; do
	expect "a rule shows without forwarding" "^forwarding 0, $host:.* No route to host" "$seen"
done
expect "blackhole" '^forwarding 1, 6:.* Invalid argument' "$seen"
expect "unreachable" '^forwarding 1, 7:.* Network is unreachable' "$seen"
expect "prohibit" '^forwarding 1, 8:.* Permission denied' "$seen"
expect "the route" '^forwarding 1, 9:.* dev up1' "$seen"
as_recorded
