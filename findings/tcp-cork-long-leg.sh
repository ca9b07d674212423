#!/bin/bash
# Software: Linux 6.18.44, MSG_MORE and TCP_CORK (tcp(7)), and iproute2 6.1.0.
# Guess: tcp(7) has "a 200-millisecond ceiling" on how long output is corked,
#   so a byte sent with MSG_MORE leaves 200 ms later, whatever the round trip.
# Behaviour: it leaves after a retransmission timeout, as a probe of a window
#   that is not closed: 200 ms and a round trip at least, more than two round
#   trips while the estimate is young.
# Lesson: on a long leg a program must push what it holds back itself.
# Seen: MSG_MORE, 2 ms: held for 221 ms
#   MSG_MORE, 100 ms: held for 338 ms
#   MSG_MORE, 300 ms: held for 731 ms
#   MSG_MORE, 600 ms: held for 1470 ms
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

cat >"$work/send.py" <<'EOF'
import fcntl
import os
import socket
import struct
import sys
import threading
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 1, 0x1000
trip = float(sys.argv[1]) / 1000
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"wire", IFF_TUN | IFF_NO_PI))
os.system("ip addr add 192.0.2.1/24 dev wire; ip link set wire up")


def reflect():
    """What goes to 192.0.2.2 comes back from there, half a trip later."""
    while packet := os.read(tun, 2000):
        if packet[0] >> 4 == 4:
            back = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
            threading.Timer(trip / 2, os.write, (tun, back)).start()


def hold(name, corked, flags):
    listener = socket.create_server(("192.0.2.1", 0))
    sender = socket.create_connection(("192.0.2.2", listener.getsockname()[1]))
    receiver, _ = listener.accept()
    for _ in range(4):
        sender.sendall(b"?")
        receiver.sendall(receiver.recv(1))
        sender.recv(1)
    sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, corked)
    began = time.monotonic()
    sender.send(b"!", flags)
    receiver.recv(1)
    held = time.monotonic() - began - trip / 2
    print(f"{name}, {sys.argv[1]} ms: held for {1000 * held:.0f} ms")


threading.Thread(target=reflect, daemon=True).start()
hold("MSG_MORE", 0, socket.MSG_MORE)
hold("TCP_CORK", 1, 0)
hold("neither", 0, 0)
os._exit(0)
EOF

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local trip
	for trip in 2 100 300 600; do
		/usr/bin/python3 -u "$work/send.py" "$trip"
	done
}

seen=$(in_namespace trial)
echo "$seen"
for name in MSG_MORE TCP_CORK; do
	expect "$name holds no byte on a short leg" \
		"^$name, 2 ms: held for [2-5][0-9]{2} ms$" "$seen"
	expect "$name holds for 200 ms on a long leg" \
		"^$name, 600 ms: held for ([89][0-9]{2}|[1-9][0-9]{3}) ms$" "$seen"
done
expect "a byte is held without them" '^neither, 600 ms: held for [0-9]{1,2} ms$' "$seen"
as_recorded
