#!/bin/bash
# Software: Linux 6.18.44, SO_PEEK_OFF of TCP (since 6.9) and splice(2).
# Guess: whatever takes bytes from the front of the queue, recv() or splice(),
#   moves the offset of MSG_PEEK back by as much (socket(7)).
# Behaviour: recv() does, splice() does not. After a splice the next peek passes
#   over as many bytes as that took. If fewer are there, it waits although unread
#   bytes have come.
# Lesson: a program that peeks at the first bytes of a connection and moves the
#   rest by splice() sets the offset anew after each splice, or to -1 for good.
# Seen: recv: peeked abcdefgh, took abcde, peeked ijkl, offset 7
#   splice: peeked abcdefgh, took abcde, peeked nopq, offset 12
#   splice, few: peeked abcdefgh, took abcde, peeked nothing, offset 8
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	/usr/bin/python3 - <<-'EOF'
	import os, socket, string

	SO_PEEK_OFF = 42
	listener = socket.create_server(("127.0.0.1", 0))

	def outcome(name, data, take):
	    user = socket.create_connection(listener.getsockname())
	    accepted, _ = listener.accept()
	    user.sendall(data)
	    accepted.recv(len(data), socket.MSG_PEEK | socket.MSG_WAITALL)
	    accepted.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, 0)
	    accepted.settimeout(1)
	    first = accepted.recv(8, socket.MSG_PEEK).decode()
	    taken = take(accepted).decode()
	    try:
	        second = accepted.recv(4, socket.MSG_PEEK).decode()
	    except TimeoutError:
	        second = "nothing"
	    offset = accepted.getsockopt(socket.SOL_SOCKET, SO_PEEK_OFF)
	    print(f"{name}: peeked {first}, took {taken}, peeked {second}, "
	          f"offset {offset}")

	def splice(accepted):
	    reader, writer = os.pipe()
	    return os.read(reader, os.splice(accepted.fileno(), writer, 5))

	letters = string.ascii_lowercase.encode()
	outcome("recv", letters, lambda accepted: accepted.recv(5))
	outcome("splice", letters, splice)
	outcome("splice, few", letters[:12], splice)
	EOF
}

seen=$(in_namespace trial)
echo "$seen"
expect "recv" '^recv: peeked abcdefgh, took abcde, peeked ijkl, offset 7$' "$seen"
expect "splice" '^splice: peeked abcdefgh, took abcde, peeked nopq, offset 12$' "$seen"
expect "splice with few bytes" '^splice, few: .*, peeked nothing, offset 8$' "$seen"
as_recorded
