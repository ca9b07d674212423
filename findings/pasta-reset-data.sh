#!/bin/bash
# Software: pasta 0.0~git20261002.cba3570 (passt of Debian unstable), on Linux
#   6.18.44.
# Guess: pasta, which keeps users' addresses and ports and passes resets on in
#   both directions, passes on what was sent before the reset too, as the kernel
#   does: the receiver reads it and then gets the error.
# Behaviour: when a program sends and at once resets, all that it sent is lost in
#   about half of the cases or more, 100 bytes of the user like 50,000 of the
#   server. The receiver has the error and nothing to read.
# Lesson: behind pasta an error that a program sends before it gives up may not
#   arrive; a relay writes out what it has read before it passes a reset on.
# Seen: kernel, user sends 100: 200 of 200 arrive
#   kernel, server sends 50000: 200 of 200 arrive
#   pasta, user sends 100: 85 of 200 arrive
#   pasta, server sends 50000: 55 of 200 arrive
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
suite unstable
package passt=0.0~git20261002.cba3570-1 libc6

cat >"$work/reset.py" <<'EOF'
import ctypes, os, socket, struct, sys

libc = ctypes.CDLL(None)
user_space, server_space = (os.open(path, os.O_RDONLY) for path in sys.argv[1:3])
name, address, port = sys.argv[3], sys.argv[4], int(sys.argv[5])

def arrives(sender, data):
    user = socket.create_connection((address, port), 5)
    accepted, peer = listener.accept()
    assert peer == user.getsockname()
    source, sink = (user, accepted) if sender == "user" else (accepted, user)
    source.sendall(data)
    source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                      struct.pack("ii", 1, 0))
    source.close()
    sink.settimeout(5)
    length = 0
    try:
        while True:
            got = len(sink.recv(65536))
            assert got
            length += got
    except ConnectionResetError:
        assert length in (0, len(data))
        return length > 0
    finally:
        sink.close()

libc.setns(server_space, 0)
listener = socket.create_server(("0.0.0.0", 9002))
listener.settimeout(5)
libc.setns(user_space, 0)
for sender, length in ("user", 100), ("server", 50000):
    count = sum(arrives(sender, bytes(length)) for _ in range(200))
    print(f"{name}, {sender} sends {length}: {count} of 200 arrive")
EOF

# shellcheck disable=SC2317 # the namespaces run it
trial() {
	local start user
	mount -t proc proc /proc
	ip link set lo up
	space user
	space server
	ip link add in0 type veth peer name user
	ip link set user netns "$user"
	ip addr add 10.1.0.1/24 dev in0
	ip link set in0 up
	nsenter -n -t "$user" ip addr add 10.1.0.2/24 dev user
	nsenter -n -t "$user" ip link set user up
	# pasta takes addresses and routes from the link of the default route.
	ip link add out0 type veth peer name out1
	ip addr add 192.0.2.1/24 dev out0
	ip link set out0 up
	ip link set out1 up
	ip route add default via 192.0.2.254
	reset kernel "$work/user" "/proc/$$/ns/net" 10.1.0.1 9002
	start
	"${start[@]}" "$(command -v pasta.avx2 || command -v pasta)" -f --runas 0 \
		--config-net -t 9001:9002 --netns-only --netns "$work/server" >"$work/log" 2>&1 &
	until ss -Hltn | grep -q ':9001 '; do
		sleep 0.1
	done
	reset pasta "$work/user" "$work/server" 10.1.0.1 9001
}

# space NAME: a network namespace; NAME is a process in it, $work/NAME its file.
# shellcheck disable=SC2317 # the trial runs it
space() {
	unshare -n sleep 50 &
	printf -v "$1" %s $!
	until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
		sleep 0.05
	done
	touch "$work/$1"
	mount --bind "/proc/$!/ns/net" "$work/$1"
}

# shellcheck disable=SC2317 # the trial runs it
reset() {
	/usr/bin/python3 "$work/reset.py" "${@:2:2}" "$1" "${@:4}"
}

seen=$(unshare -mnpf --kill-child bash -euc "$(declare -f); trial")
echo "$seen"
expect "the kernel, user" '^kernel, user sends 100: 200 of 200 arrive$' "$seen"
expect "the kernel, server" '^kernel, server sends 50000: 200 of 200 arrive$' "$seen"
expect "pasta, user" '^pasta, user sends 100: 1?[0-9]?[0-9] of 200 arrive$' "$seen"
expect "pasta, server" '^pasta, server sends 50000: 1?[0-9]?[0-9] of 200 arrive$' "$seen"
as_recorded
