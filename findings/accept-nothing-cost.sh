#!/bin/bash
# Software: Linux 6.18.44, accept4(2) and poll(2).
# Guess: on a non-blocking listener without connections, accept4() finds the
#   queue empty and costs about what a poll() of it costs.
# Behaviour: it costs several times as much: the kernel makes the descriptor,
#   the socket and the file for the connection first, then looks, then throws
#   them away. Threads that share a listener and find nothing after a wakeup
#   pay for it.
# Seen: getppid 242 ns, poll 450 ns, accept4 2000 ns: without what any call
#   costs, accept4 8.4 times poll
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	/usr/bin/python3 - <<-'EOF'
	import ctypes, errno, select, socket, struct, time

	libc = ctypes.CDLL(None, use_errno=True)
	listener = socket.create_server(("127.0.0.1", 0))
	listener.setblocking(False)
	descriptor = listener.fileno()
	polled = struct.pack("ihh", descriptor, select.POLLIN, 0)

	def cost(function, *arguments):
	    began = time.process_time_ns()
	    for _ in range(20000):
	        function(*arguments)
	    return (time.process_time_ns() - began) / 20000

	def least(function, *arguments):
	    return min(cost(function, *arguments) for _ in range(10))

	assert libc.accept4(descriptor, None, None, 0) == -1
	assert ctypes.get_errno() == errno.EAGAIN
	assert libc.poll(polled, 1, 0) == 0
	call = least(libc.getppid)
	poll = least(libc.poll, polled, 1, 0)
	accept4 = least(libc.accept4, descriptor, None, None, 0)
	print(f"getppid {call:.0f} ns, poll {poll:.0f} ns, "
	      f"accept4 {accept4:.0f} ns: without what any call costs, "
	      f"accept4 {(accept4 - call) / (poll - call):.1f} times poll")
	EOF
}

seen=$(in_namespace trial)
echo "$seen"
expect "the ratio" ' accept4 ([3-9]|[1-9][0-9]+)\.[0-9] times poll$' "$seen"
as_recorded
