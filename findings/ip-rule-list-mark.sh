#!/bin/bash
# Software: iproute2 6.1.0 (Debian 12), on Linux 6.18.44; 6.15.0 and 7.3.0 do
#   the same.
# Guess: `ip rule list fwmark 0x5` lists the rules that `ip rule del fwmark
#   0x5` would delete: those with the mark 0x5 and the full mask.
# Behaviour: the listing compares the masks only if a mask is given, so it
#   lists a rule for 0x5/0xff too. The deletion never takes that rule. A
#   script that lists, finds its rule and then deletes has found another's.
#   `fwmark 0x5/0xffffffff` lists what the deletion takes.
# Seen: short: 1: from all fwmark 0x5/0xff lookup 101
#   full: nothing
#   RTNETLINK answers: No such file or directory
#   left: 1: from all fwmark 0x5/0xff lookup 101
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	ip rule add fwmark 0x5/0xff table 101 pref 1
	echo "short: $(ip rule list fwmark 0x5)"
	echo "full: $(ip rule list fwmark 0x5/0xffffffff)"
	ip rule del fwmark 0x5 2>&1 || true
	echo "left: $(ip rule list pref 1)"
	ip rule add fwmark 0x5 table 100 pref 2
	echo "own: $(ip rule list fwmark 0x5/0xffffffff)"
}

seen=$(in_namespace trial)
echo "$seen"
expect "the listing compares masks" '^short: 1:.* fwmark 0x5/0xff lookup 101' "$seen"
expect "a full mask lists the rule" '^full: $' "$seen"
expect "the deletion takes the rule" '^left: 1:.* fwmark 0x5/0xff lookup 101' "$seen"
expect "a full mask hides the own rule" '^own: 2:.* fwmark 0x5 lookup 100' "$seen"
as_recorded
