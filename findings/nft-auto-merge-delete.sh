#!/bin/bash
# Software: nftables 1.0.6 (Debian 12), on Linux 6.18.44; 1.1.7 does what was
#   guessed.
# Guess: a set with auto-merge joins 10.0.0.0/25 and 10.0.0.128/25, and a later
#   `delete element` of the second leaves the first.
# Behaviour: it joins them, and nothing but the joined 10.0.0.0/24 can be
#   deleted from then on: "element does not exist", for the very element that
#   was added. A list that grows and shrinks by single commands fills up.
# Lesson: without auto-merge what was added can be deleted; with it, flush the
#   set and add the whole list in one transaction.
# Seen: joined: elements = { 10.0.0.0/24 }
#   merging, 10.0.0.128/25: status 1, Error: element does not exist
#   merging, 10.0.0.0/24: status 0,
#   plain, 10.0.0.128/25: status 0,
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local each
	run nft -f - <<-'EOF'
	table ip lists {
		set merging {
			type ipv4_addr
			flags interval
			auto-merge
		}
		set plain {
			type ipv4_addr
			flags interval
		}
	}
	EOF
	for each in merging plain; do
		run nft add element ip lists "$each" '{ 10.0.0.0/25 }'
		run nft add element ip lists "$each" '{ 10.0.0.128/25 }'
	done
	# delete SET ELEMENT
	delete() {
		local status=0
		run nft delete element ip lists "$1" "{ $2 }" 2>"$work/log" || status=$?
		echo "$1, $2: status $status, $(head -n 1 "$work/log")"
	}
	echo "joined: $(run nft list set ip lists merging | grep -o 'elements.*')"
	delete merging 10.0.0.128/25
	delete merging 10.0.0.0/24
	delete plain 10.0.0.128/25
}

seen=$(in_namespace trial)
echo "$seen"
expect "the two are joined" '^joined: elements = \{ 10\.0\.0\.0/24 \}$' "$seen"
expect "a part is deleted" '^merging, 10\.0\.0\.128/25: status 1, Error: element does not exist' "$seen"
expect "the whole is not deleted" '^merging, 10\.0\.0\.0/24: status 0, $' "$seen"
expect "without auto-merge" '^plain, 10\.0\.0\.128/25: status 0, $' "$seen"
as_recorded
