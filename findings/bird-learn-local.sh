#!/bin/bash
# Software: BIRD 3.4.0 (Debian unstable), on Linux 6.18.44; 2.0.12 does the same.
# Guess: with `learn` in the protocol `kernel` BIRD learns the routes that others
#   have put into the table, among them the `local` route of a transparent proxy,
#   and can announce that prefix.
# Behaviour: it learns routes by a device, and `unreachable` ones, but passes over
#   `local` ones without a word in its log, so no protocol can announce the prefix.
# Lesson: give BIRD the prefix as a `static` route of its own.
# Seen: kernel: 198.51.100.0/24 dev up0 scope link
#   kernel: local 203.0.113.0/24 dev lo scope host
#   kernel: unreachable 192.0.2.0/24
#   BIRD: 198.51.100.0/24 unicast
#   BIRD: 192.0.2.0/24 unreachable
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
suite unstable
package bird3=3.4.0-1 libssh-4 libc6 libreadline8t64 libtinfo6 libssl3t64 \
	libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 \
	libkeyutils1 zlib1g libzstd1

cat >"$work/bird.conf" <<EOF
log "$work/log" all;
router id 10.1.0.1;
ipv4 table proxy;
protocol device {
}
protocol kernel {
	kernel table 100;
	learn;
	scan time 1;
	ipv4 {
		table proxy;
		import all;
	};
}
EOF

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local start
	ip link add up0 type veth peer name up1
	ip link set up0 up
	ip link set up1 up
	ip addr add 10.1.0.1/24 dev up0
	ip route add 198.51.100.0/24 dev up0 table 100
	ip route add local 203.0.113.0/24 dev lo table 100
	ip route add unreachable 192.0.2.0/24 table 100
	ip route show table 100 | sed 's/^/kernel: /'
	start # not run, for $! must be BIRD itself
	"${start[@]}" "$(command -v bird)" -f -c "$work/bird.conf" -s "$work/socket" &
	bird=$!
	trap 'kill $bird' EXIT
	for _ in {1..50}; do
		[ "$(routes | wc -l)" -lt 2 ] || break
		sleep 0.1
	done
	# A scan that finds this one has passed the others.
	ip route add unreachable 192.0.2.128/25 table 100
	for _ in {1..50}; do
		! routes | grep -q '^192\.0\.2\.128' || break
		sleep 0.1
	done
	routes | sed 's/^/BIRD: /'
	echo "log: $(grep -c '203\.0\.113' "$work/log") lines name the prefix"
}

# shellcheck disable=SC2317 # the trial runs it
routes() {
	run birdc -s "$work/socket" show route table proxy 2>"$work/errors" |
		awk '/^[0-9].*\// { print $1, $2 }'
}

seen=$(in_namespace trial)
echo "$seen"
expect "the local route is there" '^kernel: local 203\.0\.113\.0/24 dev lo' "$seen"
expect "the route with a device" '^BIRD: 198\.51\.100\.0/24 unicast$' "$seen"
expect "the unreachable route" '^BIRD: 192\.0\.2\.0/24 unreachable$' "$seen"
expect_no "the local route is learnt" '^BIRD: 203\.0\.113' "$seen"
expect "the log" '^log: 0 lines name the prefix$' "$seen"
as_recorded
