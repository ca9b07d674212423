#!/bin/bash
# Software: Linux 6.18.44 and iproute2 6.1.0 (Debian 12).
# Guess: a rule with `suppress_ifgroup 7` rejects "routing decisions that use a
#   device belonging to the interface group" (ip-rule(8)). Of a route with two
#   next hops it rejects the decisions for the one whose device is in group 7.
# Behaviour: for IPv6 it does. For IPv4 the first next hop counts for all: if
#   the second one's device is in the group, nothing is rejected and packets
#   leave there; if the first one's is, the second is rejected too.
# Lesson: keep IPv4 routes with several next hops out of tables that such a
#   rule looks up.
# Seen: IPv4, second in the group: 26 by first, 34 by second, 0 by main
#   IPv4, first in the group: 0 by first, 0 by second, 60 by main
#   IPv6, second in the group: 32 by first, 0 by second, 28 by main
#   IPv6, first in the group: 0 by first, 28 by second, 32 by main
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local each host number=0
	for each in first second main; do
		number=$((number + 1))
		ip link add "$each" type veth peer name "$each-peer"
		ip link set "$each-peer" up
		ip link set "$each" up
		ip addr add "10.$number.0.1/24" dev "$each"
		ip addr add "2001:db8:$number::1/64" dev "$each" nodad
	done
	# family NAME FLAG HOSTS FIRST SECOND MAIN LENGTH: the hosts of HOSTS/LENGTH
	# are reached by three next hops.
	family() {
		local flag=$2 hosts=$3
		ip "$flag" route add "$hosts/$7" via "$6"
		ip "$flag" route add "$hosts/$7" table 100 nexthop via "$4" nexthop via "$5"
		ip "$flag" rule add to "$hosts/$7" table 100 suppress_ifgroup 7 pref 100
		ip link set second group 7
		count "$1, second in the group"
		ip link set second group 0
		ip link set first group 7
		count "$1, first in the group"
		ip link set first group 0
	}
	count() {
		for host in $(seq 60); do
			run ip "$flag" route get "${hosts%0}$host"
		done >"$work/routes"
		echo "$1: $(grep -c 'dev first' "$work/routes") by first," \
			"$(grep -c 'dev second' "$work/routes") by second," \
			"$(grep -c 'dev main' "$work/routes") by main"
	}
	family IPv4 -4 203.0.113.0 10.1.0.2 10.2.0.2 10.3.0.2 24
	family IPv6 -6 2001:db8:4::0 2001:db8:1::2 2001:db8:2::2 2001:db8:3::2 64
}

seen=$(in_namespace trial)
echo "$seen"
some='[1-9][0-9]*'
expect "IPv4's second next hop is rejected" \
	"^IPv4, second .* $some by first, $some by second, 0 by main\$" "$seen"
expect "IPv4's second next hop is used" \
	'^IPv4, first .* 0 by first, 0 by second, 60 by main$' "$seen"
expect "IPv6's second next hop is used" \
	"^IPv6, second .* $some by first, 0 by second, $some by main\$" "$seen"
expect "IPv6's second next hop is rejected" \
	"^IPv6, first .* 0 by first, $some by second, $some by main\$" "$seen"
as_recorded
