#!/bin/bash
# Software: Linux 6.18.44, TCP Fast Open (RFC 7413), and nftables 1.0.6.
# Guess: SIOCOUTQ says how many bytes are unsent or unacknowledged (tcp(7)),
#   on every socket that may send.
# Behaviour: a Fast Open child may send before the handshake's last ACK. As
#   long as it is in SYN_RECV, SIOCOUTQ is 0, though it has sent 100 bytes
#   that nobody has acknowledged. Zero is no sign that all has arrived.
# Seen: SYN_RECV: 100 bytes sent, SIOCOUTQ 0
#   ESTABLISHED: 100 bytes sent, SIOCOUTQ 100
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	sysctl -qw net.ipv4.tcp_fastopen=3
	/usr/bin/python3 - <<-'EOF'
	import fcntl, socket, struct, subprocess

	SIOCOUTQ = 0x5411
	STATES = {1: "ESTABLISHED", 3: "SYN_RECV"}
	listener = socket.socket()
	listener.setsockopt(socket.SOL_TCP, socket.TCP_FASTOPEN, 16)
	listener.bind(("127.0.0.1", 0))
	listener.listen()
	listener.settimeout(5)

	def connect():
	    user = socket.socket()
	    user.sendto(b"hello", socket.MSG_FASTOPEN, listener.getsockname())
	    child, _ = listener.accept()
	    assert child.recv(5) == b"hello"
	    return user, child

	def drop_acks():  # of the user
	    subprocess.run(["nft", "-f", "-"], text=True, check=True, input=f"""
	        table ip loss {{
	            chain output {{
	                type filter hook output priority 0
	                tcp dport {listener.getsockname()[1]} \
	                    tcp flags & (syn | ack) == ack drop
	            }}
	        }}""")

	def report(child):
	    sent = child.send(bytes(100))
	    queued, = struct.unpack("i", fcntl.ioctl(child, SIOCOUTQ, bytes(4)))
	    state = child.getsockopt(socket.SOL_TCP, socket.TCP_INFO, 1)[0]
	    print(f"{STATES.get(state, state)}: {sent} bytes sent, "
	          f"SIOCOUTQ {queued}")

	connect()  # brings the cookie
	user, established = connect()
	drop_acks()
	other, early = connect()
	report(early)
	report(established)
	EOF
}

seen=$(in_namespace trial)
echo "$seen"
expect "SIOCOUTQ counts in SYN_RECV" '^SYN_RECV: 100 bytes sent, SIOCOUTQ 0$' "$seen"
expect "SIOCOUTQ does not count" '^ESTABLISHED: 100 bytes sent, SIOCOUTQ 100$' "$seen"
as_recorded
