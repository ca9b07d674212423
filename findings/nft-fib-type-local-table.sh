#!/bin/bash
# Software: Linux 6.18.44 and nftables 1.0.6 (Debian 12).
# Guess: `fib daddr . mark type local` matches a packet whose address is `local`
#   in a table that a rule selects by the packet's mark, which is how packets
#   reach a transparent proxy; `fib daddr type local` does not.
# Behaviour: so it is for IPv6. For IPv4 no form matches: there the type is
#   looked up in the table `local` itself, without any rule, even one for all
#   packets. It matches once the route is in that table.
# Lesson: a firewall of both families tells the proxy's packets by the mark or by
#   `socket transparent`, not by fib; for IPv4 its `fib ... type local` is false.
# Seen: IPv4, rule for the mark: daddr 0, daddr . mark 0 of 3
#   IPv4, rule for all: daddr 0, daddr . mark 0 of 3
#   IPv4, table local: daddr 3, daddr . mark 3 of 3
#   IPv6, rule for the mark: daddr 0, daddr . mark 3 of 3
#   IPv6, rule for all: daddr 3, daddr . mark 3 of 3
#   IPv6, table local: daddr 3, daddr . mark 3 of 3
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	unshare -n sleep 50 &
	user=$!
	trap 'kill $user' EXIT
	until [ "$(readlink /proc/"$user"/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
		sleep 0.05
	done
	ip link add in0 type veth peer name user netns "$user"
	ip link set in0 up
	on_user ip link set user up
	sender=192.0.2.2/24 link=192.0.2.1/24 prefix=203.0.113.0/24 address=203.0.113.1
	family IPv4
	sender=2001:db8::2/64 link=2001:db8::1/64 prefix=2001:db8:1::/64 address=2001:db8:1::1
	family IPv6
}

# family NAME
# shellcheck disable=SC2317 # the trial runs it
family() {
	option=-${1#IPv}
	local nodad=()
	[ "$1" = IPv4 ] || nodad=(nodad)
	ip addr add "$link" dev in0 "${nodad[@]}"
	on_user ip addr add "$sender" dev user "${nodad[@]}"
	on_user ip "$option" route add default via "${link%/*}"
	ip "$option" route add local "$prefix" dev lo table 100
	ip "$option" rule add fwmark 5 lookup 100 pref 100
	echo "$1, rule for the mark: $(count)"
	ip "$option" rule add lookup 100 pref 100
	echo "$1, rule for all: $(count)"
	ip "$option" route add local "$prefix" dev lo
	echo "$1, table local: $(count)"
}

# count: how many of three packets to the address match.
# shellcheck disable=SC2317 # the trial runs it
count() {
	run nft -f - <<-'EOF'
	table inet watch
	delete table inet watch
	table inet watch {
		counter arrived { }
		counter daddr { }
		counter marked { }
		chain prerouting {
			type filter hook prerouting priority -150
			iifname "in0" udp dport 9 counter name arrived meta mark set 5
			udp dport 9 fib daddr type local counter name daddr
			udp dport 9 fib daddr . mark type local counter name marked
		}
	}
	EOF
	for _ in 1 2 3; do
		on_user bash -c "echo >/dev/udp/$address/9"
	done
	for _ in {1..50}; do
		[ "$(counted arrived)" != 3 ] || break
		sleep 0.1
	done
	echo "daddr $(counted daddr), daddr . mark $(counted marked) of $(counted arrived)"
}

# counted NAME
# shellcheck disable=SC2317 # the trial runs it
counted() {
	run nft list counter inet watch "$1" | sed -n 's/.*packets \([0-9]*\) .*/\1/p'
}

# shellcheck disable=SC2317 # the trial runs it
on_user() {
	nsenter -n -t "$user" "$@"
}

seen=$(in_namespace trial)
echo "$seen"
expect "IPv4, mark" '^IPv4, rule for the mark: daddr 0, daddr \. mark 0 of 3$' "$seen"
expect "IPv4, all" '^IPv4, rule for all: daddr 0, daddr \. mark 0 of 3$' "$seen"
expect "IPv4, local" '^IPv4, table local: daddr 3, daddr \. mark 3 of 3$' "$seen"
expect "IPv6, mark" '^IPv6, rule for the mark: daddr 0, daddr \. mark 3 of 3$' "$seen"
expect "IPv6, all" '^IPv6, rule for all: daddr 3, daddr \. mark 3 of 3$' "$seen"
expect "IPv6, local" '^IPv6, table local: daddr 3, daddr \. mark 3 of 3$' "$seen"
as_recorded
