#!/bin/bash
# Software: Linux 6.18.44, net.ipv6.conf.all.forwarding and accept_ra.
# Guess: with forwarding on, a host takes no more announcements from routers
#   (ip-sysctl, accept_ra=1), so the default route that it has by one stays
#   until its lifetime is over, half an hour here.
# Behaviour: the kernel deletes the route at once, and the host has no way out
#   over IPv6. The address that the same announcement gave stays. With
#   accept_ra=2 set before, the route stays; set after, it brings no route
#   back.
# Lesson: a command that turns forwarding on sets accept_ra of the link first.
# Seen: before, 1: route and address
#   forwarding, 1: address
#   then 2, 1: address
#   before, 2: route and address
#   forwarding, 2: route and address
#   then 2, 2: route and address
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
	for accept in 1 2; do
		sysctl -qw net.ipv6.conf.all.forwarding=0
		ip link add out0 type veth peer name router netns "$router"
		sysctl -qw "net.ipv6.conf.out0.accept_ra=$accept"
		ip link set out0 up
		nsenter -n -t "$router" ip link set router up
		until [ "$(has)" = "route and address" ]; do
			announce 2>>"$work/log" || true
			sleep 0.1
		done
		echo "before, $accept: $(has)"
		sysctl -qw net.ipv6.conf.all.forwarding=1
		echo "forwarding, $accept: $(has)"
		sysctl -qw net.ipv6.conf.out0.accept_ra=2
		echo "then 2, $accept: $(has)"
		ip link del out0
	done
}

# announce: the router offers itself and a prefix (RFC 4861, section 4.2).
# shellcheck disable=SC2317 # the trial runs it
announce() {
	nsenter -n -t "$router" /usr/bin/python3 - <<-'EOF'
	import socket
	import struct

	offer = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
	prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xc0, 1800, 1800, 0,
	                     socket.inet_pton(socket.AF_INET6, "2001:db8::"))
	router = socket.socket(socket.AF_INET6, socket.SOCK_RAW,
	                       socket.IPPROTO_ICMPV6)
	router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
	router.sendto(offer + prefix,
	              ("ff02::1", 0, 0, socket.if_nametoindex("router")))
	EOF
}

# has: what the host has from the router.
# shellcheck disable=SC2317 # the trial runs it
has() {
	local route address
	route=$(ip -6 route show default proto ra)
	address=$(ip -6 addr show dev out0 scope global dynamic)
	echo "${route:+route}${route:+${address:+ and }}${address:+address}"
}

seen=$(in_namespace trial)
echo "$seen"
for accept in 1 2; do
	expect "there is no route to begin with" "^before, $accept: route and address\$" "$seen"
done
expect "the route stays" '^forwarding, 1: address$' "$seen"
expect "accept_ra=2 brings the route back" '^then 2, 1: address$' "$seen"
expect "accept_ra=2 keeps nothing" '^forwarding, 2: route and address$' "$seen"
as_recorded
