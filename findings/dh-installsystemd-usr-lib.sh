#!/bin/bash
# Software: debhelper 13.11.4 (Debian 12).
# Expected: dh_installsystemd enables and starts the units that a package
#   installs to either folder of systemd: /usr/lib/systemd/system, which
#   `pkg-config --variable=systemdsystemunitdir systemd` may name and where
#   upstream builds put units, or /lib/systemd/system.
# Behaviour: a unit in /usr/lib/systemd/system is passed over without a word:
#   the package has no maintainer script that enables it.
# Seen: /lib: 2 scripts name the unit; /usr/lib: 0 scripts name the unit
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package debhelper=13.11.4 libdebhelper-perl=13.11.4

# installs FOLDER: how many scripts a package gets with a unit there.
installs() {
	local build=$work/build$1
	mkdir -p "$build/debian/probe$1/systemd/system"
	cat >"$build/debian/control" <<-'EOF'
	Source: probe
	Maintainer: Nobody <nobody@example.org>
	Build-Depends: debhelper-compat (= 13)

	Package: probe
	Architecture: all
	Description: probe
	EOF
	cat >"$build/debian/changelog" <<-'EOF'
	probe (1) unstable; urgency=low

	  * Probe.

	 -- Nobody <nobody@example.org>  Thu, 01 Jan 2026 00:00:00 +0000
	EOF
	printf '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n' \
		>"$build/debian/probe$1/systemd/system/probe.service"
	(cd "$build" && PERL5LIB=$root/usr/share/perl5 dh_installsystemd) || return
	find "$build/debian" -name '*.debhelper' -type f -exec grep -l probe.service {} + | wc -l
}

seen="/lib: $(installs /lib) scripts name the unit
/usr/lib: $(installs /usr/lib) scripts name the unit"
echo "$seen"
expect "the unit of /lib is passed over" '^/lib: [1-9]' "$seen"
expect "the unit of /usr/lib is found" '^/usr/lib: 0 ' "$seen"
as_recorded
