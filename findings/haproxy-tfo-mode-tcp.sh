#!/bin/bash
# Software: HAProxy 2.6.12 (Debian 12), on Linux 6.18.44; 3.0.11 does the same,
#   3.2.26 does what was guessed.
# Guess: with `tfo` at bind and server and the three retry-on words that HAProxy
#   asks for, a relay in mode tcp whose user sent data in the SYN sends data in
#   the SYN to the server too, from the second connection on.
# Behaviour: it never does, and neither -c nor the start says so. A plain client
#   of the same server sends data in the SYN each time.
# Seen: check: status 0, 0 warnings
#   HAProxy 4: the user's SYN has data, the server's has none
#   plain 4: the user's SYN has data, the server's has data
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package haproxy=2.6.12-1+deb12u4 liblua5.3-0 libopentracing-c-wrapper0 \
	libopentracing1

cat >"$work/haproxy.cfg" <<'EOF'
global
	nbthread 1
defaults
	mode tcp
	timeout connect 5s
	timeout client 5s
	timeout server 5s
	retry-on conn-failure empty-response response-timeout
listen relay
	bind 127.0.0.1:8001 tfo
	server server 127.0.0.1:8002 tfo
EOF

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local status=0
	sysctl -qw net.ipv4.tcp_fastopen=3
	run haproxy -c -f "$work/haproxy.cfg" >"$work/check" 2>&1 || status=$?
	echo "check: status $status, $(grep -c WARNING "$work/check") warnings"
	start # not run, for $! must be HAProxy itself
	"${start[@]}" "$(command -v haproxy)" -db -f "$work/haproxy.cfg" 2>"$work/log" &
	haproxy=$!
	trap 'kill $haproxy' EXIT
	/usr/bin/python3 - <<-'EOF'
	import socket, time

	TCPI_OPT_SYN_DATA = 32
	server = socket.socket()
	server.setsockopt(socket.SOL_TCP, socket.TCP_FASTOPEN, 16)
	server.bind(("127.0.0.1", 8002))
	server.listen()
	server.settimeout(5)

	def connect(port):
	    user = socket.socket()
	    user.sendto(b"hello", socket.MSG_FASTOPEN, ("127.0.0.1", port))
	    accepted, _ = server.accept()
	    while accepted.recv(5) != b"hello":
	        pass
	    return user, accepted

	def syn(connection):
	    options = connection.getsockopt(socket.SOL_TCP, socket.TCP_INFO, 6)[5]
	    return "data" if options & TCPI_OPT_SYN_DATA else "none"

	for _ in range(100):
	    try:
	        connect(8001)
	        break
	    except ConnectionRefusedError:
	        time.sleep(0.1)
	for name, port in ("HAProxy", 8001), ("plain", 8002):
	    for number in range(1, 5):
	        user, accepted = connect(port)
	        print(f"{name} {number}: the user's SYN has {syn(user)}, "
	              f"the server's has {syn(accepted)}")
	EOF
}

seen=$(in_namespace trial)
echo "$seen"
expect "the configuration is refused" '^check: status 0, 0 warnings$' "$seen"
expect "the user's SYN" "^HAProxy 4: the user's SYN has data, " "$seen"
expect_no "HAProxy sends data with the SYN" "^HAProxy .* server's has data" "$seen"
expect "a plain client cannot do it either" "^plain 4: .* server's has data" "$seen"
as_recorded
