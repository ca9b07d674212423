#!/bin/bash
# Software: nftables 1.0.6 (Debian 12), on Linux 6.18.44; 1.1.7 does the same.
# Guess: `nft -o -f FILE` loads rules that decide as those of `nft -f FILE` do,
#   with sets and maps where there were several rules.
# Behaviour: `tcp flags syn` and `tcp flags ack` match packets that have the flag
#   among others. Merged into `tcp flags { syn, ack }` they match packets that
#   have that flag alone. SYN-ACKs and data fall through to the drop, and no
#   connection opens. It exits 0.
# Lesson: rules that `nft -o` made are new rules; test them before use.
# Seen: nft -f: a byte came through
#   nft -o -f: status 0, tcp flags { syn, ack } accept
#   nft -o -f: timed out
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

cat >"$work/rules" <<'EOF'
table ip filter {
	chain input {
		type filter hook input priority 0
		tcp flags syn accept
		tcp flags ack accept
		meta l4proto tcp drop
	}
}
EOF
cat >"$work/connect.py" <<'EOF'
import socket, sys

listener = socket.create_server(("127.0.0.1", 0))
try:
    sender = socket.create_connection(listener.getsockname(), 2)
    sender.sendall(b"x")
    receiver, _ = listener.accept()
    receiver.settimeout(2)
    assert receiver.recv(1) == b"x"
    end = "a byte came through"
except TimeoutError:
    end = "timed out"
print(f"{sys.argv[1]}: {end}")
EOF

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local status=0
	run nft -f "$work/rules"
	/usr/bin/python3 "$work/connect.py" "nft -f"
	run nft flush ruleset
	run nft -o -f "$work/rules" >"$work/log" 2>&1 || status=$?
	echo "nft -o -f: status $status, $(run nft list ruleset | grep -o 'tcp flags {.*')"
	/usr/bin/python3 "$work/connect.py" "nft -o -f"
}

seen=$(in_namespace trial)
echo "$seen"
expect "the rules as written" '^nft -f: a byte came through$' "$seen"
expect "the merged rule" '^nft -o -f: status 0, tcp flags \{ syn, ack \} accept' "$seen"
expect "the merged rules decide alike" '^nft -o -f: timed out$' "$seen"
as_recorded
