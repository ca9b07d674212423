#!/bin/bash
# Software: Linux 6.18.44 and iproute2 6.1.0 (Debian 12).
# Guess: `ip link set lo down` removes the routes by lo of both families, so
#   after `ip link set lo up` a `local` route of a table of one's own is gone
#   for IPv4 and IPv6 alike.
# Behaviour: only the IPv6 route goes. IPv4 keeps its `local` route while lo is
#   down and after, though it drops other routes by lo. Whoever restarts
#   networking, lo included, loses TPROXY's return path for one family.
# Lesson: look at both families; put IPv6's route back whenever lo comes up.
# Seen: before: IPv4 local default, IPv6 local default, other 10.9.0.0/24
#   down: IPv4 local default, IPv6 none, other none
#   up: IPv4 local default, IPv6 none, other none
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	ip route add local default dev lo table 100
	ip -6 route add local default dev lo table 100
	ip route add 10.9.0.0/24 dev lo
	first() {
		run ip "$@" 2>"$work/log" | sed -E 's/ (dev|scope) .*//' | grep . || echo none
	}
	routes() {
		echo "$1: IPv4 $(first route list table 100)," \
			"IPv6 $(first -6 route list table 100), other $(first route list)"
	}
	routes before
	ip link set lo down
	routes down
	ip link set lo up
	routes up
}

seen=$(in_namespace trial)
echo "$seen"
expect "a route is missing" \
	'^before: IPv4 local default, IPv6 local default, other 10\.9\.0\.0/24$' "$seen"
expect "the routes while lo is down" '^down: IPv4 local default, IPv6 none, other none$' "$seen"
expect "the routes once lo is up" '^up: IPv4 local default, IPv6 none, other none$' "$seen"
as_recorded
