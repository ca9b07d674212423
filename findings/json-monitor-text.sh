#!/bin/bash
# Software: iproute2 6.1.0 and nftables 1.0.6 (Debian 12), on Linux 6.18.44;
#   7.3.0 and 1.1.7 do the same.
# Guess: `ip -j monitor rule` prints JSON, as `ip -j rule` does. `nft -j monitor
#   trace` prints JSON, as `nft -j monitor` does for changes of rules, or says
#   that there is none.
# Behaviour: both take the flag and print text.
# Lesson: a reader of JSON from a monitor must say so when a line is none.
# Seen: ip: 32765: from 10.0.0.1 lookup 100
#   nft: trace id 8f342f11 inet watched output rule meta nftrace set 1 (verdict continue)
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3 nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local each
	run nft -f - <<-'EOF'
	table inet watched {
		chain output {
			type filter hook output priority 0
			meta nftrace set 1
		}
	}
	EOF
	start # not run, for kill must reach the monitors themselves
	"${start[@]}" "$(command -v ip)" -j monitor rule >"$work/ip" &
	"${start[@]}" "$(command -v nft)" -j monitor trace >"$work/nft" &
	trap 'kill $(jobs -p)' EXIT
	# A monitor hears what happens once it is there.
	for each in $(seq 100); do
		[ ! -s "$work/ip" ] || [ ! -s "$work/nft" ] || break
		ip rule add from "10.0.0.$each" table 100
		/usr/bin/python3 -c 'if 1:
		import socket
		socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))'
		sleep 0.1
	done
	echo "ip: $(head -n 1 "$work/ip" | tr '\t' ' ')"
	echo "nft: $(grep -m 1 ' rule ' "$work/nft")"
}

seen=$(in_namespace trial)
echo "$seen"
expect "ip's monitor prints something else" '^ip: [0-9]+: from 10\.0\.0\.[0-9]+ lookup 100' "$seen"
expect "nft's monitor prints something else" '^nft: trace id .* inet watched output rule' "$seen"
as_recorded
