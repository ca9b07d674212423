#!/bin/bash
# Software: BusyBox 1.35.0 (Debian 12), on Linux 6.18.44; 1.38.0 does the same.
# Expected: BusyBox's `ip rule` prints `not` for a rule that has it, as iproute2
#   does.
# Behaviour: the word is missing, so a rule for all packets but those with a mark
#   reads like a rule for those with the mark. `ipproto`, ports and `uidrange`
#   are missing as well, and what is left reads like a rule for all packets.
# Lesson: never judge rules by BusyBox's list; ask the kernel by netlink.
# Seen: iproute2: 100: not from all fwmark 0xca6c lookup 51820
#   BusyBox: 100: from all fwmark 0xca6c lookup 51820
#   iproute2: 101: from all ipproto tcp dport 80 lookup 101
#   BusyBox: 101: from all lookup 101
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3 busybox-static=1:1.35.0-4+deb12u1+b1

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	ip rule add not fwmark 51820 table 51820 pref 100
	ip rule add ipproto tcp dport 80 table 101 pref 101
	run ip rule list | sed -n 's/\t/ /; s/^10[01]:/iproute2: &/p'
	run busybox ip rule list | sed -n 's/\t/ /; s/^10[01]:/BusyBox: &/p'
}

seen=$(in_namespace trial)
echo "$seen"
expect "iproute2 has no 'not'" '^iproute2: 100: not from all fwmark 0xca6c ' "$seen"
expect "BusyBox prints more of rule 100" '^BusyBox: 100: from all fwmark 0xca6c lookup 51820 ?$' "$seen"
expect "BusyBox prints more of rule 101" '^BusyBox: 101: from all lookup 101 ?$' "$seen"
as_recorded
