#!/bin/bash
# Software: Linux 6.18.44, TCP Fast Open (RFC 7413) and SO_SNDTIMEO (socket(7)).
# Guess: a blocking send() that opens a connection by Fast Open and gets no
#   answer within SO_SNDTIMEO fails with EINPROGRESS, as connect() does, or
#   EAGAIN.
# Behaviour: without a cookie it does. With one it waits for the whole time
#   and then returns the number of bytes in the SYN, as if all was well. The
#   socket is in SYN_SENT, getpeername() fails, and only the next send() says
#   EAGAIN. Who fails over to another server after a timeout must ask TCP_INFO.
#   (tcp_fastopen=5, data without a cookie, stands for a cookie here.)
# Seen: 1: Operation now in progress, state 2, next Resource temporarily unavailable
#   5: 80 bytes, state 2, next Resource temporarily unavailable
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local mode
	# A neighbour that never answers.
	ip link add up0 type veth peer name up1
	ip link set up0 up
	ip link set up1 up
	ip addr add 10.1.0.1/24 dev up0
	ip neigh add 10.1.0.2 lladdr 02:00:00:00:00:02 dev up0
	for mode in 1 5; do
		sysctl -qw net.ipv4.tcp_fastopen="$mode"
		/usr/bin/python3 - "$mode" <<-'EOF'
		import socket, struct, sys, time

		def send(data):
		    try:
		        return f"{user.send(data)} bytes"
		    except OSError as error:
		        return error.strerror

		TCP_FASTOPEN_CONNECT = 30
		user = socket.socket()
		user.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
		                struct.pack("ll", 0, 300000))
		user.setsockopt(socket.SOL_TCP, TCP_FASTOPEN_CONNECT, 1)
		began = time.monotonic()
		try:
		    user.connect(("10.1.0.2", 80))
		    first = send(bytes(80))
		except OSError as error:
		    first = error.strerror
		waited = time.monotonic() - began
		state = user.getsockopt(socket.SOL_TCP, socket.TCP_INFO, 1)[0]
		following = send(b"x")
		try:
		    user.getpeername()
		    peer = "a peer"
		except OSError as error:
		    peer = error.strerror
		print(f"{sys.argv[1]}: {first}, state {state}, next {following}, "
		      f"{peer}, waited {waited:.1f} s")
		EOF
	done
}

seen=$(in_namespace trial)
echo "$seen"
expect "without a cookie" '^1: Operation now in progress, state 2,' "$seen"
expect "the send fails" '^5: 80 bytes, state 2, next Resource temp.*not connected' "$seen"
expect_no "the send does not wait" '^5: .*waited 0\.[0-2] ' "$seen"
as_recorded
