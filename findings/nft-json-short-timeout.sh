#!/bin/bash
# Software: nftables 1.0.6 (Debian 12), on Linux 6.18.44; 1.1.7 does the same.
# Guess: the JSON of a set with a timeout of 500ms has a fraction of a second;
#   loaded again, the set has a timeout of 500ms, or of a second.
# Behaviour: the JSON counts whole seconds and rounds down, so the timeout is 0.
#   Loaded again, the set has no timeout, and an element that had half a second
#   stays for ever. Both commands exit 0.
# Lesson: a set with timeouts is copied as text, or with whole seconds.
# Seen: before: type ipv4_addr timeout 500ms
#   JSON: "timeout": 0
#   after: type ipv4_addr flags timeout
#   two seconds later: 10.0.0.1
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	run nft -f - <<-'EOF'
	table ip users {
		set short {
			type ipv4_addr
			timeout 500ms
		}
	}
	EOF
	set_is() {
		echo "$1: $(run nft list set ip users short |
			sed -n '/type/,/}/{/}/!p}' | xargs)"
	}
	set_is before
	run nft -j list ruleset >"$work/json"
	echo "JSON: $(grep -o '"timeout": [0-9.]*' "$work/json")"
	run nft flush ruleset
	run nft -j -f "$work/json"
	set_is after
	run nft add element ip users short '{ 10.0.0.1 }'
	sleep 2
	echo "two seconds later: $(run nft list set ip users short |
		grep -o '10\.0\.0\.1' || echo nothing)"
}

seen=$(in_namespace trial)
echo "$seen"
expect "the text has no timeout" '^before: .* timeout 500ms' "$seen"
expect "the JSON has a part of a second" '^JSON: "timeout": 0$' "$seen"
expect_no "the timeout is back" '^after: .* timeout [0-9]' "$seen"
expect "the element is gone" '^two seconds later: 10\.0\.0\.1$' "$seen"
as_recorded
