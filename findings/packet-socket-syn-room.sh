#!/bin/bash
# Software: Linux 6.18.44, packet(7) sockets.
# Guess: a packet socket with the receive buffer that sockets have by default,
#   212,992 bytes (SO_RCVBUF), has room for thousands of SYNs of 60 bytes.
# Behaviour: it has room for 256. Each is charged with all memory that the
#   kernel took for it, 832 bytes. The rest is dropped without an error, and
#   PACKET_STATISTICS counts it.
# Lesson: a program that watches a busy host filters in the kernel and reads
#   that count before it says that a packet did not come.
# Seen: buffer of 212992: 256 of 1000 SYNs of 60 bytes, 744 dropped
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

cat >"$work/watch.py" <<'EOF'
import socket
import struct

ETH_P_ALL, SOL_PACKET, PACKET_STATISTICS = 3, 263, 6
CONNECTIONS = 1000


def packets(watcher):
    try:
        while True:
            yield watcher.recvfrom(2000, socket.MSG_DONTWAIT)
    except BlockingIOError:
        pass


with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as watcher:
    watcher.bind(("up0", ETH_P_ALL))
    users = []
    for port in range(1, CONNECTIONS + 1):
        users.append(socket.socket())
        users[-1].setblocking(False)
        users[-1].connect_ex(("192.0.2.2", port))
    _, dropped = struct.unpack("II", watcher.getsockopt(
        SOL_PACKET, PACKET_STATISTICS, 8))
    sizes = [len(packet) for packet, sender in packets(watcher)
             if sender[2] == socket.PACKET_OUTGOING and packet[9] == 6]
    room = watcher.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    print(f"buffer of {room}: {len(sizes)} of {CONNECTIONS} SYNs of "
          f"{max(sizes)} bytes, {dropped} dropped")
EOF

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	ip link add up0 type veth peer name up1
	ip link set up1 up
	ip link set up0 up
	ip addr add 192.0.2.1/24 dev up0
	ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:01 dev up0
	ulimit -n 1100
	/usr/bin/python3 "$work/watch.py"
}

seen=$(in_namespace trial)
echo "$seen"
expect "the room or what is counted" \
	'^buffer of 212992: (1[0-9]|2[0-9]|3[0-4])[0-9] of 1000 SYNs of 60 bytes, [678][0-9]{2} dropped$' "$seen"
as_recorded
