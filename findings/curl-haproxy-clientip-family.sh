#!/bin/bash
# Software: curl 8.14.1 (Debian 12 backports), with the libraries of Debian 12's
#   curl.
# Guess: `curl --haproxy-clientip 2001:db8::1` to an IPv4 server sends a PROXY
#   line with TCP6 or UNKNOWN, or refuses. A word that is no address is refused.
# Behaviour: the family is that of the connection and the address is copied, so
#   the line is TCP4 with an IPv6 address, which no receiver may accept (PROXY
#   protocol, 2.1), and TCP4 with any word.
# Lesson: a listener that refuses curl's line may be right; test it with users
#   of the family that curl connects by.
# Seen: PROXY TCP4 2001:db8::1 127.0.0.1 58698 34593
#   PROXY TCP6 192.0.2.1 ::1 40992 40667
#   PROXY TCP4 nobody 127.0.0.1 58820 39419
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
suite bookworm-backports
package curl=8.14.1-2+deb13u2~bpo13+1 libcurl4=8.14.1-2+deb13u2~bpo13+1

cat >"$work/line.py" <<'EOF'
import socket, subprocess, sys

curl, user, host = sys.argv[1:]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
listener = socket.create_server((host, 0), family=family)
listener.settimeout(10)
name = f"[{host}]" if ":" in host else host
asker = subprocess.Popen([curl, "-s", "-m", "10", "--haproxy-clientip", user,
                          f"http://{name}:{listener.getsockname()[1]}/"])
connection, _ = listener.accept()
print(connection.makefile().readline().strip())
connection.close()
asker.wait()
EOF

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local start
	start
	line() {
		"${start[@]}" /usr/bin/python3 "$work/line.py" "$(command -v curl)" "$@"
	}
	line 2001:db8::1 127.0.0.1
	line 192.0.2.1 ::1
	line nobody 127.0.0.1
}

seen=$(in_namespace trial)
echo "$seen"
expect "an IPv6 user by IPv4" '^PROXY TCP4 2001:db8::1 127\.0\.0\.1 ' "$seen"
expect "an IPv4 user by IPv6" '^PROXY TCP6 192\.0\.2\.1 ::1 ' "$seen"
expect "a word that is no address" '^PROXY TCP4 nobody 127\.0\.0\.1 ' "$seen"
as_recorded
