#!/bin/bash
# Software: nftables 1.0.6 (Debian 12), on Linux 6.18.44; 1.1.7 does the same.
# Guess: `nft flush ruleset` fails with EPERM and changes nothing while another
#   process has a table with `flags owner`, as `nft delete table` of it does.
# Behaviour: it removes all other tables, passes over the owned one in silence
#   and exits 0. firewalld 2.3 and later own their table.
# Lesson: after `flush ruleset` rules may remain; list them before you rely on
#   an empty ruleset.
# Seen: flush: status 0, left: table inet owned
#   delete: Error: Could not process rule: Operation not permitted
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local status=0
	# The table lives as long as the nft that reads descriptor 3.
	exec 3> >(run nft -i >"$work/owner" 2>&1)
	echo 'add table inet owned { flags owner; }' >&3
	until run nft list tables | grep -q owned; do
		sleep 0.05
	done
	run nft add table inet others
	run nft flush ruleset || status=$?
	echo "flush: status $status, left: $(run nft list tables | xargs)"
	echo "delete: $(run nft delete table inet owned 2>&1 | head -n 1)"
}

seen=$(in_namespace trial)
echo "$seen"
expect "what the flush leaves" '^flush: status 0, left: table inet owned$' "$seen"
expect "the owned table is deleted" '^delete: .* not permitted$' "$seen"
as_recorded
