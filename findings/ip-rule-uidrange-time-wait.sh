#!/bin/bash
# Software: Linux 6.18.44 and iproute2 6.1.0 (Debian 12).
# Guess: a rule with `uidrange 1000-1000` routes all packets of the connections
#   of that user, as a rule with `fwmark` does for sockets with SO_MARK.
# Behaviour: it does until the program has closed its socket and the peer has
#   acknowledged that. The peer's own end of stream is then answered by the small
#   socket that remains (TIME-WAIT), which keeps the mark, but belongs to user 0.
#   That acknowledgement leaves by the main table with the source of the other
#   link. A provider may drop it, and then the peer repeats its end of stream.
# Lesson: choose a daemon's uplink by SO_MARK or the source, not by its user.
# Seen: uidrange: SYN by first, acknowledgement of the end by second
#   fwmark: SYN by first, acknowledgement of the end by first
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

cat >"$work/close.py" <<'EOF'
import ctypes, os, socket, struct, sys, time

libc = ctypes.CDLL(None)
own = os.open("/proc/self/ns/net", os.O_RDONLY)
peer = os.open(f"/proc/{sys.argv[1]}/ns/net", os.O_RDONLY)
SYN, ACK, PORT, FIN_WAIT_2 = 2, 0x10, 80, "05"

def link_of(wanted):
    """The link by which the next packet to PORT came that has these flags."""
    while True:
        packet, address = watch.recvfrom(100)
        tcp = packet[20:]
        if packet[9] == 6 and struct.unpack("!2xH", tcp[:4])[0] == PORT:
            if tcp[13] == wanted:
                return {"p1": "first", "p2": "second"}[address[0]]

def in_state(state):
    with open("/proc/self/net/tcp") as sockets:
        return any(line.split()[3] == state for line in sockets)

libc.setns(peer, 0)
server = socket.create_server(("198.51.100.1", PORT))
watch = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x800))
watch.settimeout(5)
libc.setns(own, 0)
for name in "uidrange", "fwmark":
    if name == "uidrange":
        os.seteuid(1000)
    user = socket.socket()
    os.seteuid(0)
    if name == "fwmark":
        user.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 5)
    user.connect(server.getsockname())
    accepted, _ = server.accept()
    syn = link_of(SYN)
    user.close()
    # Until the peer has acknowledged our end of stream.
    while not in_state(FIN_WAIT_2):
        time.sleep(0.05)
    accepted.close()
    # The first one ends the handshake.
    link_of(ACK)
    print(f"{name}: SYN by {syn}, acknowledgement of the end by {link_of(ACK)}")
EOF

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	unshare -n sleep 50 &
	peer=$!
	trap 'kill $peer' EXIT
	until [ "$(readlink /proc/"$peer"/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
		sleep 0.05
	done
	on_peer ip link set lo up
	on_peer ip addr add 198.51.100.1/32 dev lo
	for number in 1 2; do
		ip link add "up$number" type veth peer name "p$number" netns "$peer"
		ip addr add "10.0.$number.1/24" dev "up$number"
		ip link set "up$number" up
		on_peer ip addr add "10.0.$number.2/24" dev "p$number"
		on_peer ip link set "p$number" up
		# Each packet is taken, by whatever link it comes.
		sysctl -qw "net.ipv4.conf.up$number.rp_filter=0"
		on_peer sysctl -qw "net.ipv4.conf.p$number.rp_filter=0"
	done
	sysctl -qw net.ipv4.conf.all.rp_filter=0
	on_peer sysctl -qw net.ipv4.conf.all.rp_filter=0
	ip route add default via 10.0.2.2
	run ip route add default via 10.0.1.2 table 100
	run ip rule add uidrange 1000-1000 lookup 100
	run ip rule add fwmark 5 lookup 100
	/usr/bin/python3 "$work/close.py" "$peer"
}

# shellcheck disable=SC2317 # the trial runs it
on_peer() {
	nsenter -n -t "$peer" "$@"
}

seen=$(in_namespace trial)
echo "$seen"
expect "uidrange" '^uidrange: SYN by first, acknowledgement of the end by second$' "$seen"
expect "fwmark" '^fwmark: SYN by first, acknowledgement of the end by first$' "$seen"
as_recorded
