#!/bin/bash
# Software: iproute2 6.1.0 (Debian 12).
# Guess: `nstat` prints what the counters of the present network namespace have
#   grown by since the last call.
# Behaviour: the last call is that of the user, in whatever namespace: one
#   history file (/tmp/.nstat.uUID) serves all of them. The first call in a
#   second namespace subtracts the counters of the first one and prints a
#   number that no namespace has counted. NSTAT_HISTORY names another file.
# Seen: first: 9 connections made, nstat says 9
#   second: 12 connections made, nstat says 3
#   third: 15 connections made, nstat says 15 (with a history of its own)
export TMPDIR=/var/tmp # for the namespace has a /tmp of its own
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	mount -t tmpfs none /tmp
	count first 9
	unshare -n bash -euc "$(declare -f count); ip link set lo up; count second 12"
	export NSTAT_HISTORY=/tmp/third
	unshare -n bash -euc "$(declare -f count); ip link set lo up; count third 15"
}

# count NAME CONNECTIONS
# shellcheck disable=SC2317 # the trial runs it
count() {
	/usr/bin/python3 - "$2" <<-'EOF'
	import socket, sys

	listener = socket.create_server(("127.0.0.1", 0))
	for _ in range(int(sys.argv[1])):
	    socket.create_connection(listener.getsockname())
	EOF
	echo "$1: $2 connections made," \
		"nstat says $(nstat | sed -n 's/^TcpActiveOpens *\([0-9]*\).*/\1/p')"
}

seen=$(unshare -m bash -euc "$(declare -f in_namespace trial count)
	in_namespace \"\$(declare -f count); trial\"")
echo "$seen"
expect "the first namespace" '^first: 9 .* says 9$' "$seen"
expect "each namespace has a history" '^second: 12 .* says 3$' "$seen"
expect "a history of its own" '^third: 15 .* says 15$' "$seen"
as_recorded
