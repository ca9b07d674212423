#!/bin/bash
# Software: Linux 6.18.44, proxy neighbour discovery (proxy_ndp).
# Guess: with net.ipv6.conf.LINK.proxy_ndp=1 and `ip -6 neigh add proxy ADDRESS
#   dev LINK`, a host answers every solicitation for ADDRESS that it gets on
#   LINK.
# Behaviour: it answers the multicast one, by which a router finds ADDRESS. It
#   forwards the unicast one, by which the router later makes sure of what it
#   knows (RFC 4861, section 7.3), as if that were any packet for ADDRESS. The
#   router's entry fails after three tries, and its next packet waits until a
#   multicast solicitation is answered. With net.ipv6.conf.all.proxy_ndp=1
#   the host answers both, and the setting of the link is not needed.
# Lesson: a first connection is no test of proxy_ndp, for connections stall
#   only when the router renews the entry. Set `all`.
# Seen: out0: found, renewed: FAILED, with the next packet: found
#   all: found, renewed: REACHABLE, with the next packet: found
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	unshare -n sleep 50 &
	router=$!
	trap 'kill $router' EXIT
	until [ "$(readlink /proc/"$router"/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
		sleep 0.05
	done
	ip link add out0 type veth peer name router netns "$router"
	ip link add up0 type veth peer name up1
	for each in out0 up0 up1; do
		ip link set "$each" up
	done
	ip addr add 2001:db8::2/64 dev out0 nodad
	ip route add 2001:db8::8000/113 dev up0
	sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.neigh.out0.proxy_delay=0
	on_router ip addr add 2001:db8::1/64 dev router nodad
	on_router ip link set router up
	ask out0 2001:db8::8001
	ask all 2001:db8::8002
}

# shellcheck disable=SC2317 # the trial runs it
on_router() {
	nsenter -n -t "$router" "$@"
}

# outcome ADDRESS: waits until the router knows who has it or gives up.
# shellcheck disable=SC2317 # the trial runs it
outcome() {
	until on_router ip -6 neigh show "$1" dev router |
		grep -oE 'REACHABLE|FAILED'; do
		sleep 0.1
	done
}

# send ADDRESS: a packet from the router.
# shellcheck disable=SC2317 # the trial runs it
send() {
	on_router bash -c "until echo >/dev/udp/$1/9; do sleep 0.1; done" 2>>"$work/log"
}

# ask SETTING ADDRESS: the router finds the address and makes sure of it.
# shellcheck disable=SC2317 # the trial runs it
ask() {
	local found renewed again
	sysctl -qw net.ipv6.conf.{all,out0}.proxy_ndp=0 "net.ipv6.conf.$1.proxy_ndp=1"
	ip -6 neigh add proxy "$2" dev out0
	send "$2"
	found=$(outcome "$2")
	on_router ip -6 neigh change "$2" dev router nud probe
	renewed=$(outcome "$2")
	send "$2"
	again=$(outcome "$2")
	echo "$1: ${found/REACHABLE/found}, renewed: $renewed," \
		"with the next packet: ${again/REACHABLE/found}"
}

seen=$(in_namespace trial)
echo "$seen"
expect "the setting of the link" \
	'^out0: found, renewed: FAILED, with the next packet: found$' "$seen"
expect "the setting of all links" \
	'^all: found, renewed: REACHABLE, with the next packet: found$' "$seen"
as_recorded
