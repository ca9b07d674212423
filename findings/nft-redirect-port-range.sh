#!/bin/bash
# Software: Linux 6.18.44, with nftables 1.0.6 and iptables 1.8.9 (Debian 12).
# Guess: `redirect to :9001-9003` spreads connections over the three ports, as
#   `REDIRECT --to-ports 9001-9003` does.
# Behaviour: both send every connection to the first port. The others serve only
#   where the first would give two connections the same addresses and ports. With
#   `random`, or with a map on `numgen`, connections are spread.
# Lesson: a range of ports is no balancer; workers share one port by
#   SO_REUSEPORT, or the rule has a map.
# Seen: redirect: 30 0 0
#   REDIRECT: 30 0 0
#   random: 13 9 8
#   map: 10 10 10
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 iptables=1.8.9-2

cat >"$work/connect.py" <<'EOF'
import select, socket

listeners = [socket.create_server(("127.0.0.1", 9000 + n)) for n in (1, 2, 3)]
kept = []
for port, name in enumerate(("redirect", "REDIRECT", "random", "map"), 81):
    counts = [0] * len(listeners)
    for _ in range(30):
        kept.append(socket.create_connection(("127.0.0.1", port), 5))
        ready = select.select(listeners, [], [], 5)[0][0]
        kept.append(ready.accept()[0])
        counts[listeners.index(ready)] += 1
    print(f"{name}:", *counts)
EOF

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	run nft -f - <<-'EOF'
	table ip spread {
		chain output {
			type nat hook output priority -100
			tcp dport 81 redirect to :9001-9003
			tcp dport 83 redirect to :9001-9003 random
			tcp dport 84 redirect to numgen inc mod 3 map { 0 : 9001, 1 : 9002, 2 : 9003 }
		}
	}
	EOF
	run iptables-nft -t nat -A OUTPUT -p tcp --dport 82 -j REDIRECT --to-ports 9001-9003
	/usr/bin/python3 "$work/connect.py"
}

seen=$(in_namespace trial)
echo "$seen"
expect "nft's range is spread" '^redirect: 30 0 0$' "$seen"
expect "the range of iptables is spread" '^REDIRECT: 30 0 0$' "$seen"
expect_no "random is not spread" '^random: .*\b30\b' "$seen"
expect "the map is not spread" '^map: 10 10 10$' "$seen"
as_recorded
