#!/bin/bash
# Software: OpenRC 0.64.1 (Debian unstable), supervise-daemon with `notify`
#   (since 0.60).
# Guess: the start of a daemon that never says READY=1 fails after some default
#   time, and ends the daemon. Once a start was interrupted, the next one starts
#   afresh. A daemon that exits at once ends the start as well.
# Behaviour: the start waits for ever, for a daemon that stays silent as for one
#   that exits at once and may be respawned once. A start that was interrupted
#   leaves its socket in /run/openrc. Each later start fails to bind it, after a
#   `zap` too, until someone removes the file.
# Seen: silent: status 124 (of timeout 4)
#   again: status 1 bind: Address already in use
#   removed: status 124
#   exits: status 124
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
suite unstable
package openrc=0.64.1-2 librc1t64=0.64.1-2 libeinfo1=0.64.1-2 libc6

# The host's files with the packages above them; nothing is written there.
# shellcheck disable=SC2317 # the namespace runs it
trial() {
	mkdir "$work/tmpfs"
	mount -t tmpfs none "$work/tmpfs"
	cd "$work/tmpfs"
	mkdir packages upper scratch host
	cp -a "$root"/. packages
	mount -t overlay -o lowerdir=packages:/,upperdir=upper,workdir=scratch overlay host
	cd host
	mount -t proc proc proc
	mount --rbind /dev dev
	mount -t tmpfs none run
	mount -t tmpfs none etc/init.d
	mkdir -p run/openrc
	touch run/openrc/softlevel
	: >etc/rc.conf
	: >etc/insserv.conf
	service silent "/bin/sleep 50"
	service exits "/bin/sh -c false"
	start_service silent silent
	chroot . /etc/init.d/silent zap >"$work/log"
	start_service again silent
	rm run/openrc/*silent.sock
	chroot . /etc/init.d/silent zap >"$work/log"
	start_service removed silent
	start_service exits exits
}

# service NAME COMMAND
# shellcheck disable=SC2317 # the trial runs it
service() {
	cat >"etc/init.d/$1" <<-EOF
	#!/sbin/openrc-run
	supervisor=supervise-daemon
	command=${2%% *}
	command_args="${2#* }"
	pidfile=/run/$1.pid
	respawn_max=1
	notify=socket:ready
	EOF
	chmod +x "etc/init.d/$1"
}

# start_service NAME SERVICE
# shellcheck disable=SC2317 # the trial runs it
start_service() {
	local status=0
	chroot . timeout -k 1 4 "/etc/init.d/$2" start </dev/null >"$work/log" 2>&1 ||
		status=$?
	echo "$1: status $status$(grep -om1 ' bind: .*' "$work/log")"
}

seen=$(unshare -mnpf --kill-child bash -euc "$(declare -f); trial")
echo "$seen"
expect "the start ends" '^silent: status 124$' "$seen"
expect "the next start" '^again: status 1 bind: Address already in use' "$seen"
expect "the start without the socket" '^removed: status 124$' "$seen"
expect "the start of a daemon that exits" '^exits: status 124$' "$seen"
as_recorded
