#!/bin/bash
# Software: Linux 6.18.44, tcp_reflect_tos (ip-sysctl), and iproute2 6.1.0.
# Guess: with tcp_reflect_tos=1 the answers to a user who sends TOS 0x10 have
#   TOS 0x10, and a rule `tos 0x10 lookup 100` routes them.
# Behaviour: they have TOS 0x10 and take the route for TOS 0: the SYN-ACK is
#   routed before its TOS is set, and the connection keeps that route. With
#   IP_TOS set on the listener the rule does route them.
# Lesson: route answers by a mark or an address, not by a reflected TOS.
# Seen: reflected: TOS 0x10, first 4 packets, second 0 packets
#   listener: TOS 0x10, first 0 packets, second 4 packets
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3 nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

cat >"$work/connect.py" <<'EOF'
import ctypes, os, socket, sys

CLONE_NEWNET = 0x40000000
host = os.open("/proc/self/ns/net", os.O_RDONLY)
user = os.open(f"/proc/{sys.argv[1]}/ns/net", os.O_RDONLY)
setns = ctypes.CDLL(None).setns
listener = socket.create_server(("10.1.0.1", 9001))
listener.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, int(sys.argv[2], 0))
setns(user, CLONE_NEWNET)
sender = socket.socket()
sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x10)
sender.settimeout(5)
sender.connect(("10.1.0.1", 9001))
setns(host, CLONE_NEWNET)
receiver, _ = listener.accept()
sender.sendall(b"a")
receiver.recv(1)
receiver.sendall(b"b")
sender.recv(1)
print(hex(receiver.getsockopt(socket.IPPROTO_IP, socket.IP_TOS)))
EOF

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	# The user, 192.0.2.1, is reached by two links.
	local link number=0 tos
	unshare -n sleep 50 &
	user=$!
	trap 'kill $user' EXIT
	until [ "$(readlink /proc/"$user"/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
		sleep 0.05
	done
	within() {
		nsenter -n -t "$user" "$@"
	}
	within ip link set lo up
	within ip addr add 192.0.2.1/32 dev lo
	for link in first second; do
		number=$((number + 1))
		ip link add "$link" type veth peer name "$link" netns "$user"
		ip link set "$link" up
		within ip link set "$link" up
		ip addr add "10.$number.0.1/24" dev "$link"
		within ip addr add "10.$number.0.2/24" dev "$link"
	done
	within ip route add 10.1.0.1/32 dev first src 192.0.2.1
	within sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.second.rp_filter=0
	ip route add 192.0.2.1 via 10.1.0.2
	ip route add 192.0.2.1 via 10.2.0.2 table 100
	run ip rule add tos 0x10 table 100
	count() {
		run nft list counter ip sent "$1" | grep -o 'packets [0-9]*' | cut -d ' ' -f 2
	}
	for name in reflected listener; do
		[ "$name" = reflected ] && tos=0 || tos=0x10
		sysctl -qw "net.ipv4.tcp_reflect_tos=$((tos == 0))"
		run nft -f - <<-'EOF'
		flush ruleset
		table ip sent {
			counter first { }
			counter second { }
			chain postrouting {
				type filter hook postrouting priority 0
				oifname "first" tcp sport 9001 ip dscp 4 counter name "first"
				oifname "second" tcp sport 9001 ip dscp 4 counter name "second"
			}
		}
		EOF
		tos=$(/usr/bin/python3 "$work/connect.py" "$user" "$tos")
		echo "$name: TOS $tos, first $(count first) packets, second $(count second) packets"
	done
}

seen=$(in_namespace trial)
echo "$seen"
expect "the reflected TOS is routed" \
	'^reflected: TOS 0x10, first [1-9][0-9]* packets, second 0 packets$' "$seen"
expect "the listener's TOS is not routed" \
	'^listener: TOS 0x10, first 0 packets, second [1-9][0-9]* packets$' "$seen"
as_recorded
