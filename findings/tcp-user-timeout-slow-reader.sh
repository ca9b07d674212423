#!/bin/bash
# Software: Linux 6.18.44, TCP_USER_TIMEOUT (tcp(7)).
# Guess: the timeout counts the time in which nothing is acknowledged; a
#   receiver that reads 16 KiB every 0.3 s opens its window now and then, and
#   each acknowledgement starts the clock again.
# Behaviour: the sender closed its socket with 300,000 bytes queued and a
#   timeout of 1000 ms. The kernel resets the connection after less than
#   three seconds, in the midst of steady progress.
# Seen: reset after 1.8 s, 81920 of 300000 bytes read
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	/usr/bin/python3 - <<-'EOF'
	import socket, time

	listener = socket.socket()
	listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
	listener.bind(("127.0.0.1", 0))
	listener.listen()
	sender = socket.create_connection(listener.getsockname())
	receiver, _ = listener.accept()
	sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
	sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000)
	sender.setblocking(False)
	queued = 0
	while queued < 300000:
	    queued += sender.send(bytes(300000 - queued))
	sender.close()
	began, read, end = time.monotonic(), 0, "closed"
	try:
	    while True:
	        time.sleep(0.3)
	        data = receiver.recv(16384)
	        if not data:
	            break
	        read += len(data)
	except ConnectionResetError:
	    end = "reset"
	print(f"{end} after {time.monotonic() - began:.1f} s, "
	      f"{read} of {queued} bytes read")
	EOF
}

seen=$(in_namespace trial)
echo "$seen"
expect "a slow reader keeps the connection" '^reset after [12]\.' "$seen"
as_recorded
