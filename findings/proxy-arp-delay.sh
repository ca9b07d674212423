#!/bin/bash
# Software: Linux 6.18.44, proxy ARP (arp(7)).
# Guess: a host that answers for others with proxy_arp=1 answers at once, as
#   it does for its own address; a user's first packet loses no time.
# Behaviour: each answer is held back for a random time of up to
#   neigh/DEVICE/proxy_delay, 0.8 s unless set. A user's first connection to
#   each proxied address takes about 0.4 s longer, so a short limit for
#   connecting turns into failures at random. With proxy_delay=0 none waits.
# Seen: own: 1 of 1 at once
#   default: 1 of 12 at once, slowest 0.77 s
#   0: 12 of 12 at once, slowest 0.01 s
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	unshare -n sleep 50 &
	user=$!
	trap 'kill $user' EXIT
	until [ "$(readlink /proc/"$user"/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
		sleep 0.05
	done
	ip link add gate type veth peer name user netns "$user"
	ip link add up0 type veth peer name up1
	for each in gate up0 up1; do
		ip link set "$each" up
	done
	ip addr add 10.1.0.1/24 dev gate
	ip addr add 10.9.0.1/24 dev up0
	ip route add 10.1.0.128/25 dev up0
	sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.gate.proxy_arp=1
	nsenter -n -t "$user" ip addr add 10.1.0.2/24 dev user
	nsenter -n -t "$user" ip link set user up
	ask own 1 1
	ask default 130 141
	sysctl -qw net.ipv4.neigh.gate.proxy_delay=0
	ask 0 142 153
}

# ask NAME FIRST LAST: how long the user waits for the addresses of hosts.
# shellcheck disable=SC2317 # the trial runs it
ask() {
	nsenter -n -t "$user" /usr/bin/python3 - "$@" <<-'EOF'
	import json, socket, subprocess, sys, time

	first, last = map(int, sys.argv[2:])
	hosts = {f"10.1.0.{host}" for host in range(first, last + 1)}
	sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	began, waited = time.monotonic(), {}
	for host in hosts:
	    sender.sendto(b"x", (host, 9))
	while len(waited) < len(hosts) and time.monotonic() < began + 5:
	    table = subprocess.check_output(["ip", "-j", "neigh"])
	    for entry in json.loads(table):
	        if "lladdr" in entry and entry["dst"] in hosts:
	            waited.setdefault(entry["dst"], time.monotonic() - began)
	soon = sum(each < 0.1 for each in waited.values())
	print(f"{sys.argv[1]}: {soon} of {len(waited)} at once, "
	      f"slowest {max(waited.values()):.2f} s")
	EOF
}

seen=$(in_namespace "$(declare -f ask); trial")
echo "$seen"
expect "the own address" '^own: 1 of 1 at once' "$seen"
expect "proxied addresses" '^default: [0-6] of 12 at once' "$seen"
expect "without a delay" '^0: 1[0-2] of 12 at once' "$seen"
as_recorded
