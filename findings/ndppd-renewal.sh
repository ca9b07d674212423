#!/bin/bash
# Software: ndppd 0.2.5-6 (Debian), Linux 6.18.44.
# Guess: ndppd, which answers the multicast solicitation for an address of a
#   static rule, answers the unicast one too, by which a router makes sure of
#   an entry that has grown old (RFC 4861, section 7.3).
# Behaviour: it logs the unicast one and does not answer. The router's entry
#   fails after three tries, and its next packet waits until a multicast
#   solicitation is answered. (This version calls itself 0.2.4.)
# Seen: multicast: REACHABLE, 0 unicast received, 1 answered
#   unicast: FAILED, 3 unicast received, 1 answered
#   multicast again: REACHABLE, 3 unicast received, 2 answered
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3 ndppd=0.2.5-6

cat >"$work/ndppd.conf" <<'EOF'
proxy out0 {
	rule 2001:db8::8000/113 {
		static
	}
}
EOF

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
	sysctl -qw net.ipv6.conf.all.forwarding=1
	on_router sysctl -qw net.ipv6.conf.router.accept_dad=0
	on_router ip link set router up
	on_router ip route add 2001:db8::/64 dev router
	ndppd -vvv -c "$work/ndppd.conf" >"$work/log" 2>&1 &
	daemon=$!
	trap 'kill $router $daemon' EXIT
	until grep -q 'reading routes' "$work/log"; do
		sleep 0.1
	done
	send
	echo "multicast: $(outcome), $(logged)"
	on_router ip -6 neigh change 2001:db8::8001 dev router nud probe
	echo "unicast: $(outcome), $(logged)"
	send
	echo "multicast again: $(outcome), $(logged)"
}

# shellcheck disable=SC2317 # the trial runs it
on_router() {
	nsenter -n -t "$router" "$@"
}

# send: a packet from the router to an address of the rule.
# shellcheck disable=SC2317 # the trial runs it
send() {
	on_router bash -c "echo >/dev/udp/2001:db8::8001/9"
}

# outcome: waits until the router knows who has the address or gives up.
# shellcheck disable=SC2317 # the trial runs it
outcome() {
	until on_router ip -6 neigh show 2001:db8::8001 dev router |
		grep -oE 'REACHABLE|FAILED'; do
		sleep 0.1
	done
}

# logged: what ndppd has received and answered so far.
# shellcheck disable=SC2317 # the trial runs it
logged() {
	echo "$(grep -c 'read_solicit.* daddr=2001:db8::8001,' "$work/log") unicast received," \
		"$(grep -c 'write_advert' "$work/log") answered"
}

seen=$(in_namespace trial)
echo "$seen"
expect "multicast" '^multicast: REACHABLE, 0 unicast received, 1 answered$' "$seen"
expect "unicast" '^unicast: FAILED, [23] unicast received, 1 answered$' "$seen"
expect "multicast after that" \
	'^multicast again: REACHABLE, [23] unicast received, 2 answered$' "$seen"
as_recorded
