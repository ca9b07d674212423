#!/bin/bash
# Software: Linux 6.18.44, IPv6 with forwarding on.
# Guess: a router has the subnet-router anycast address (PREFIX::, RFC 4291
#   section 2.6.1) in its local table and therefore either binds it like an
#   own address or refuses connections from it.
# Behaviour: a plain bind fails with EADDRNOTAVAIL. With IPV6_FREEBIND the
#   same bind succeeds, and a connection from the anycast address to a service
#   of the same host is established.
# Seen: anycast 2001:db8:: dev up0
#   plain: Cannot assign requested address
#   freebind: connected from 2001:db8::
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	ip link add up0 type veth peer name up1
	ip link set up0 up
	ip link set up1 up
	ip addr add 2001:db8::1/64 dev up0 nodad
	sysctl -qw net.ipv6.conf.all.forwarding=1
	ip -6 route show table local type anycast
	/usr/bin/python3 - <<-'EOF'
	import socket

	IPV6_FREEBIND = 78
	for name, free in ("plain", 0), ("freebind", 1):
	    listener = socket.create_server(("2001:db8::1", 0),
	                                    family=socket.AF_INET6)
	    listener.settimeout(3)
	    user = socket.socket(socket.AF_INET6)
	    user.settimeout(3)
	    user.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, free)
	    try:
	        user.bind(("2001:db8::", 0))
	        user.connect(listener.getsockname())
	        print(f"{name}: connected from {listener.accept()[1][0]}")
	    except OSError as error:
	        print(f"{name}: {error.strerror}")
	EOF
}

seen=$(in_namespace trial)
echo "$seen"
expect "there is no anycast address" '^anycast 2001:db8:: ' "$seen"
expect "a plain bind succeeds" '^plain: Cannot assign' "$seen"
expect "a free bind does not connect" '^freebind: connected from 2001:db8::$' "$seen"
as_recorded
