#!/bin/bash
# Software: systemd-networkd 252.39 (Debian 12) and 257.13 (Debian 13), on Linux
#   6.18.44; 262.1 does as 257.13.
# Guess: networkd drops the rules that others have made with `ip rule` when it
#   starts or restarts.
# Behaviour: it does, in both families. A running one does so again each time an
#   interface that it manages appears. A lost carrier and a deleted interface
#   change nothing. A rule of `protocol kernel` stays, and so does a `local`
#   route on lo. With ManageForeignRoutingPolicyRules=no all rules stay. In a
#   container, where /sys is read-only, 252.39 does not wait for udev. It then
#   configures its interfaces before it has read the rules, so a restart leaves
#   the rules alone.
# Lesson: an exit loses its fwmark rule when a VLAN is added or networkd is
#   restarted; set that option, or make the rule with `protocol kernel`. With 252
#   a trial in a container does not show what a restart does.
# Seen: 252, host, restart: IPv4 gone, IPv6 gone, kernel kept, route kept
#   252, host, new: IPv4 gone, IPv6 gone, kernel kept, route kept
#   252, host, carrier: IPv4 kept, IPv6 kept, kernel kept, route kept
#   252, container, restart: IPv4 kept, IPv6 kept, kernel kept, route kept
#   257, container, restart: IPv4 gone, IPv6 gone, kernel kept, route kept
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"

# networkd NAME PACKAGE...: takes networkd from these packages from now on.
networkd() {
	local library
	root=$work/$1
	package "${@:2}"
	for library in "$root"/usr/lib/x86_64-linux-gnu/systemd/*.so; do
		[ ! -e "$library" ] || ln -s "$library" "$root/usr/lib/x86_64-linux-gnu"
	done
	PATH=$root/lib/systemd:$root/usr/lib/systemd:/lib/systemd:$PATH
}

# trials NAME: what happens with udev, as on a host, and in a container.
trials() {
	local each
	for each in "host rw" "container ro"; do
		unshare -mnpf --kill-child bash -euc "$(declare -f); trial ${each#* }" |
			sed "s/^/$1, ${each% *}, /"
	done
}

# trial MODE: with /sys mounted "rw", or "ro" as in a container.
# shellcheck disable=SC2317 # the namespaces run it
trial() {
	local mtu=60000
	mount -t proc proc /proc
	mount -t sysfs -o "$1" sysfs /sys
	mount -t tmpfs tmpfs /run
	mkdir -p /run/{dbus,udev/data,systemd/{network,networkd.conf.d}}
	printf '[Match]\nName=up0 new0\n[Network]\nLinkLocalAddressing=no\n' \
		>/run/systemd/network/00-up.network
	manage_foreign yes
	interface up 10
	start_daemon
	restore
	stop_daemon
	start_daemon
	report restart
	ip link set up1 down
	logged 'up0: Lost carrier'
	ip link set up1 up
	logged 'up0: Gained carrier'
	report carrier
	interface new 20
	logged 'new0: State changed: configuring -> configured'
	report new
	ip link del new0
	logged 'new0: State changed: configured -> linger'
	report deleted
	stop_daemon
	manage_foreign no
	start_daemon
	interface new 30
	logged 'new0: State changed: configuring -> configured'
	report option
}

# shellcheck disable=SC2317 # the trial runs it
manage_foreign() {
	printf '[Network]\nManageForeignRoutingPolicyRules=%s\n' "$1" \
		>/run/systemd/networkd.conf.d/zz.conf
}

# interface NAME INDEX: NAME0 and its peer NAME1, which udev's database has as
# initialized.
# shellcheck disable=SC2317 # the trial runs it
interface() {
	echo I:1 | tee "/run/udev/data/n$2" >"/run/udev/data/n$(($2 + 1))"
	ip link add "${1}0" index "$2" type veth peer name "${1}1" index $(($2 + 1))
	ip link set "${1}1" up
}

# shellcheck disable=SC2317 # the trial runs it
start_daemon() {
	local start
	start # not run, for $! must be networkd itself
	: >"$work/log"
	SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console "${start[@]}" \
		"$(command -v systemd-networkd)" >>"$work/log" 2>&1 &
	daemon=$!
	logged 'up0: State changed: configuring -> configured'
}

# shellcheck disable=SC2317 # the trial runs it
stop_daemon() {
	kill "$daemon"
	wait "$daemon"
}

# logged LINE: waits until networkd has written it since its start or the last
# `restore`.
# shellcheck disable=SC2317 # the trial runs it
logged() {
	for _ in {1..100}; do
		! grep -q "$1" "$work/log" || return 0
		sleep 0.1
	done
	changed "networkd does not log \"$1\""
}

# restore: all of the rules and the route, known to networkd.
# shellcheck disable=SC2317 # the trial runs it
restore() {
	local each
	for each in -4 -6; do
		[ "$(kept "$each" rule list pref 90)" = kept ] ||
			ip "$each" rule add fwmark 5 lookup 100 pref 90
	done
	[ "$(kept rule list pref 91)" = kept ] ||
		ip rule add fwmark 5 lookup 100 pref 91 protocol kernel
	ip route replace local 198.51.100.0/24 dev lo table 100
	settled
	: >"$work/log"
}

# settled: waits until networkd has read the messages of the kernel up to now.
# shellcheck disable=SC2317 # the trial runs it
settled() {
	ip link set lo mtu "$((++mtu))"
	logged "lo: MTU is changed: .* $mtu"
}

# report EVENT: what is left after it, and all of it again.
# shellcheck disable=SC2317 # the trial runs it
report() {
	settled
	echo "$1: IPv4 $(kept rule list pref 90), IPv6 $(kept -6 rule list pref 90)," \
		"kernel $(kept rule list pref 91), route $(kept route show table 100)"
	restore
}

# shellcheck disable=SC2317 # the trial runs it
kept() {
	if [ -n "$(ip "$@")" ]; then
		echo kept
	else
		echo gone
	fi
}

# outcome TRIAL WORD: ends the script unless both rules were WORD, "kept" or
# "gone".
outcome() {
	expect "$1" "^$1: IPv4 $2, IPv6 $2, kernel kept, route kept$" "$seen"
}

networkd 252 systemd=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2
seen=$(trials 252)
echo "$seen"
suite trixie
networkd 257 systemd=257.13-1~deb13u1 libsystemd-shared=257.13-1~deb13u1 \
	libc6 libssl3t64
later=$(trials 257)
echo "$later"
seen+=$'\n'$later
outcome "252, host, restart" gone
outcome "252, container, restart" kept
outcome "257, host, restart" gone
outcome "257, container, restart" gone
for each in {252,257}", "{host,container}; do
	outcome "$each, carrier" kept
	outcome "$each, new" gone
	outcome "$each, deleted" kept
	outcome "$each, option" kept
done
as_recorded
