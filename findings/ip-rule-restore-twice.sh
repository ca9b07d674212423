#!/bin/bash
# Software: iproute2 6.1.0 (Debian 12), on Linux 6.18.44; 7.3.0 does the same.
# Guess: `ip rule save` in one network namespace and `ip rule restore` in a
#   fresh one give the second the list of the first: the three rules that each
#   namespace starts with are recognised.
# Behaviour: those three are added once more. The rule of priority 0 comes
#   back at 32765, for the saved form has no priority for it. Every restore adds
#   all rules again, and exits 0.
# Lesson: save rules as the text of `ip rule list`, and compare before adding.
# Seen: status 0
#   0: from all lookup local
#   100: from 10.0.0.1 lookup 100
#   32765: from all lookup local
#   32766: from all lookup main
#   32766: from all lookup main
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package iproute2=6.1.0-3

# shellcheck disable=SC2317 # in_namespace runs it
save() {
	ip rule add from 10.0.0.1 table 100 pref 100
	run ip rule save >"$work/rules"
}

# shellcheck disable=SC2317 # in_namespace runs it
restore() {
	local status=0
	run ip rule restore <"$work/rules" || status=$?
	echo "status $status"
	ip rule list | tr '\t' ' '
}

in_namespace save
seen=$(in_namespace restore)
echo "$seen"
expect "the restore fails" '^status 0$' "$seen"
expect "the rule is lost" '^100: from 10\.0\.0\.1 lookup 100' "$seen"
expect "the rule for local is there once" '^32765: from all lookup local' "$seen"
[ "$(grep -c '^32766: ' <<<"$seen")" = 2 ] || changed "the rule for main is there once"
as_recorded
