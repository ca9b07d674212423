#!/bin/bash
# Software: Linux 6.18.44, splice(2) from a TCP socket and MSG_OOB (send(2)).
# Expected: splice() returns 0 at the end of input (splice(2)). In front of an
#   urgent byte it ends short, as recv() does, and then goes on, or fails.
# Behaviour: it returns 0, and 0 again each time, while the connection is open,
#   poll() says that there is something to read, and more bytes wait behind the
#   urgent one. It does so with SO_OOBINLINE and without.
# Lesson: 0 from splice() is the end only if recv() says so too. A relay that
#   takes it for the end cuts off whoever sends one urgent byte (telnet, ftp).
# Seen: SO_OOBINLINE 0: splice 3, 0, 0, poll 1, then recv b'efg'
#   SO_OOBINLINE 1: splice 3, 0, 0, poll 1, then recv b'defg'
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	/usr/bin/python3 - <<-'EOF'
	import fcntl, os, select, socket, struct, termios, time

	listener = socket.create_server(("127.0.0.1", 0))
	for inline in 0, 1:
	    user = socket.create_connection(listener.getsockname())
	    accepted, _ = listener.accept()
	    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, inline)
	    user.sendall(b"abc")
	    user.send(b"d", socket.MSG_OOB)
	    user.sendall(b"efg")
	    user.setblocking(False)
	    # Until the user has the acknowledgement of all that it sent.
	    while struct.unpack("i", fcntl.ioctl(user, termios.TIOCOUTQ, bytes(4)))[0]:
	        time.sleep(0.01)
	    reader, writer = os.pipe()
	    moved = [os.splice(accepted.fileno(), writer, 100) for _ in range(3)]
	    readable = len(select.select([accepted], [], [], 1)[0])
	    print(f"SO_OOBINLINE {inline}: splice {', '.join(map(str, moved))}, "
	          f"poll {readable}, then recv {accepted.recv(100)}")
	EOF
}

seen=$(in_namespace trial)
echo "$seen"
expect "not inline" "^SO_OOBINLINE 0: splice 3, 0, 0, poll 1, then recv b'efg'$" "$seen"
expect "inline" "^SO_OOBINLINE 1: splice 3, 0, 0, poll 1, then recv b'defg'$" "$seen"
as_recorded
