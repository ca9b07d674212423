#!/bin/bash
# Software: conntrack 1.4.7 (Debian 12), on Linux 6.18.44; 1.4.9 does the same.
# Guess: `conntrack -D` takes IPv4 entries alone unless `-f` says otherwise.
# Expected, from conntrack(8) ("the default layer 3 protocol will be IPv4"):
#   `conntrack -F -f ipv6` takes IPv6 entries alone.
# Behaviour: `-D` takes both families unless told one. `-F` takes both whatever
#   it is told: `conntrack -F -f ipv6` empties the table of IPv4 too, and exits
#   0. When the proxy of a redirected IPv4 connection sends next, its
#   packet is not translated back, the user's host answers with a reset to the
#   proxy, and the user waits for ever.
# Lesson: a family is cleared by `conntrack -D -f`.
# Seen: -D: status 0, left 0 IPv4, 0 IPv6
#   -D -f ipv6: status 0, left 1 IPv4, 0 IPv6
#   -F -f ipv6: status 0, left 0 IPv4, 0 IPv6
#   then proxy: Connection reset by peer, user: timed out
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 \
	conntrack=1:1.4.7-1+b2 libnetfilter-conntrack3 libnfnetlink0

cat >"$work/flush.py" <<'EOF'
import socket, subprocess, sys

def conntrack(*arguments):
    return subprocess.run([*sys.argv[1:], *arguments], capture_output=True,
                          text=True)

def outcome(connection):
    connection.settimeout(3)
    try:
        return connection.recv(1)
    except TimeoutError as error:
        return error
    except OSError as error:
        return error.strerror

listeners = [socket.create_server(("127.0.0.1", 9001)),
             socket.create_server(("::1", 9001), family=socket.AF_INET6)]
for arguments in "-D", "-D -f ipv6", "-F -f ipv6":
    conntrack("-D")
    users, accepted = [], []
    for listener in listeners:
        users.append(socket.create_connection((listener.getsockname()[0], 80)))
        accepted.append(listener.accept()[0])
        accepted[-1].sendall(b"a")
        users[-1].recv(1)
    status = conntrack(*arguments.split()).returncode
    left = [conntrack("-L", "-f", family).stdout.count("ESTABLISHED")
            for family in ("ipv4", "ipv6")]
    print(f"{arguments}: status {status}, left {left[0]} IPv4, {left[1]} IPv6")
accepted[0].sendall(b"b")
print(f"then proxy: {outcome(accepted[0])}, user: {outcome(users[0])}")
EOF

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local start
	run nft -f - <<-'EOF'
	table inet proxy {
		chain output {
			type nat hook output priority -100
			tcp dport 80 redirect to :9001
		}
	}
	EOF
	start
	/usr/bin/python3 "$work/flush.py" "${start[@]}" "$(command -v conntrack)"
}

seen=$(in_namespace trial)
echo "$seen"
expect "-D" '^-D: status 0, left 0 IPv4, 0 IPv6$' "$seen"
expect "-D -f ipv6" '^-D -f ipv6: status 0, left 1 IPv4, 0 IPv6$' "$seen"
expect "-F -f ipv6" '^-F -f ipv6: status 0, left 0 IPv4, 0 IPv6$' "$seen"
expect "what is left of the connection" \
	'^then proxy: Connection reset by peer, user: timed out$' "$seen"
as_recorded
