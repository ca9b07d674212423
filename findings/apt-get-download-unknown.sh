#!/bin/bash
# Software: apt 2.6.1 (Debian 12).
# Expected: `apt-get download` of two packages, one of them unknown, fetches
#   the other and fails at the end, as wget does with a list of addresses.
# Behaviour: it fetches nothing, exits 100 and names only the unknown one. One
#   optional package in a list costs all the others.
# Seen: E: Unable to locate package no-such-package
#   status 100, 0 files; the known one alone: status 0, 1 files
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"

files() {
	find "$work/$1" -name '*.deb' | wc -l
}

mkdir "$work/both" "$work/one"
status=0
message=$(cd "$work/both" &&
	apt-get "${apt[@]}" download hello no-such-package 2>&1) || status=$?
(cd "$work/one" && apt-get "${apt[@]}" download hello) ||
	changed "the archive does not answer"
seen="$(apt-get --version | head -n 1)
$message
both: status $status, $(files both) files
one: $(files one) files"
echo "$seen"
expect "the known one is fetched" '^both: status 100, 0 files$' "$seen"
expect "the known one is not there" '^one: 1 files$' "$seen"
as_recorded
