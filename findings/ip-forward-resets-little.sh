#!/bin/bash
# Software: Linux 6.18.44, ip_forward.
# Expected: writing 1 to net.ipv4.ip_forward "resets all configuration
#   parameters to their default state (RFC1122 for hosts, RFC1812 for routers)"
#   (ip-sysctl), so a script must set rp_filter, send_redirects and the like
#   after it.
# Behaviour: one parameter changes besides `forwarding`: accept_redirects of
#   `all`, to 0 with 1 and back to 1 with 0. What was set before stays.
# Lesson: the order of a sysctl file matters for conf/all/accept_redirects only.
# Seen: 1: all/accept_redirects=0 all/forwarding=1 default/forwarding=1 up0/forwarding=1
#   0: all/accept_redirects=1 all/forwarding=0 default/forwarding=0 up0/forwarding=0
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local device
	ip link add up0 type veth peer name up1
	cd /proc/sys/net/ipv4/conf
	parameters() {
		grep -rH . up0 all default | sed 's/:/=/' | sort
	}
	for device in up0 all default; do
		echo 0 | tee "$device"/{send,secure}_redirects >"$work/log"
		echo 1 | tee "$device"/{rp_filter,log_martians,accept_redirects} \
			"$device"/{accept_source_route,arp_ignore,proxy_arp} >"$work/log"
	done
	parameters >"$work/before"
	for value in 1 0; do
		echo "$value" >../ip_forward
		parameters >"$work/after"
		echo "$value:" "$(comm -13 "$work/before" "$work/after" | xargs)"
		mv "$work/after" "$work/before"
	done
}

seen=$(in_namespace trial)
echo "$seen"
for value in 1 0; do
	expect "what $value changes" "^$value: all/accept_redirects=$((1 - value)) all/forwarding=$value \
default/forwarding=$value up0/forwarding=$value\$" "$seen"
done
as_recorded
