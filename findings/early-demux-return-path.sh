#!/bin/bash
# Software: Linux 6.18.44, tcp_early_demux (ip-sysctl), and nftables 1.0.6.
# Expected: a connection with a foreign source, whose answers reach the socket
#   through a mark from nft and a routing rule for it, hangs as soon as the nft
#   table is deleted, because each packet is routed by its own mark.
# Behaviour: it goes on. An established socket lends its packets the route of an
#   earlier one before any rule is asked. New connections fail. The old
#   ones hang when something else changes, be it hours later: those of IPv4 when
#   another route of the host is added, those of IPv6 when another rule is. With
#   tcp_early_demux=0 all hang at once.
# Lesson: only a new connection tells whether the return path is there. A
#   harmless change hours later may be what breaks old ones.
# Seen: 1, IPv4: deleted lives, new hangs, another route hangs, another rule hangs
#   1, IPv6: deleted lives, new hangs, another route lives, another rule hangs
#   0, IPv4: deleted hangs, new hangs, another route hangs, another rule hangs
#   0, IPv6: deleted hangs, new hangs, another route hangs, another rule hangs
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

cat >"$work/answers.nft" <<'EOF'
table inet answers {
	chain prerouting {
		type filter hook prerouting priority -150
		meta l4proto tcp socket transparent 1 meta mark set 5
	}
}
EOF
cat >"$work/live.py" <<'EOF'
import ctypes, os, socket, subprocess, sys

libc = ctypes.CDLL(None)
own = os.open("/proc/self/ns/net", os.O_RDONLY)
outside = os.open(f"/proc/{sys.argv[1]}/ns/net", os.O_RDONLY)
nft, answers = sys.argv[3:], sys.argv[2]

def connect():
    user = socket.socket(family)
    user.setsockopt(*transparent, 1)
    user.bind((source, 0))
    user.settimeout(2)
    user.connect(server.getsockname()[:2])
    return user, server.accept()[0]

def outcome(user, accepted):
    accepted.sendall(b"a")
    try:
        return "lives" if user.recv(1) else "ends"
    except TimeoutError:
        return "hangs"

def fresh():
    try:
        return outcome(*connect())
    except TimeoutError:
        return "hangs"

def route(command):
    for route in "198.51.100.0/24", "2001:db8:2::/64":
        subprocess.run(["ip", "route", command, route, "dev", "lo"], check=True)

def rule(command):
    for option in "-4", "-6":
        subprocess.run(["ip", option, "rule", command, "fwmark", "7", "lookup",
                        "main"], check=True)

for demux in 1, 0:
    with open("/proc/sys/net/ipv4/tcp_early_demux", "w") as setting:
        setting.write(str(demux))
    for name, source, target in (("IPv4", "203.0.113.1", "192.0.2.2"),
                                 ("IPv6", "2001:db8:1::1", "2001:db8::2")):
        family = socket.AF_INET if name == "IPv4" else socket.AF_INET6
        transparent = ((socket.SOL_IP, 19) if name == "IPv4"
                       else (socket.IPPROTO_IPV6, 75))
        libc.setns(outside, 0)
        server = socket.create_server((target, 0), family=family)
        libc.setns(own, 0)
        subprocess.run([*nft, "-f", answers], check=True)
        pair = connect()
        assert outcome(*pair) == "lives"
        subprocess.run([*nft, "delete", "table", "inet", "answers"], check=True)
        seen = [f"deleted {outcome(*pair)}", f"new {fresh()}"]
        route("add")
        seen.append(f"another route {outcome(*pair)}")
        rule("add")
        seen.append(f"another rule {outcome(*pair)}")
        route("del")
        rule("del")
        print(f"{demux}, {name}: {', '.join(seen)}")
EOF

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	local start
	unshare -n sleep 50 &
	outside=$!
	trap 'kill $outside' EXIT
	until [ "$(readlink /proc/"$outside"/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
		sleep 0.05
	done
	ip link add out0 type veth peer name outside netns "$outside"
	ip addr add 192.0.2.1/24 dev out0
	ip addr add 2001:db8::1/64 dev out0 nodad
	ip link set out0 up
	on_outside ip addr add 192.0.2.2/24 dev outside
	on_outside ip addr add 2001:db8::2/64 dev outside nodad
	on_outside ip link set outside up
	on_outside ip route add 203.0.113.0/24 via 192.0.2.1
	on_outside ip route add 2001:db8:1::/64 via 2001:db8::1
	ip rule add fwmark 5 lookup 100
	ip -6 rule add fwmark 5 lookup 100
	ip route add local 203.0.113.0/24 dev lo table 100
	ip route add local 2001:db8:1::/64 dev lo table 100
	start
	/usr/bin/python3 "$work/live.py" "$outside" "$work/answers.nft" "${start[@]}" \
		"$(command -v nft)"
}

# shellcheck disable=SC2317 # the trial runs it
on_outside() {
	nsenter -n -t "$outside" "$@"
}

seen=$(in_namespace trial)
echo "$seen"
for line in '1, IPv4: deleted lives, new hangs, another route hangs, another rule hangs' \
	'1, IPv6: deleted lives, new hangs, another route lives, another rule hangs' \
	'0, IPv4: deleted hangs, new hangs, another route hangs, another rule hangs' \
	'0, IPv6: deleted hangs, new hangs, another route hangs, another rule hangs'; do
	expect "tcp_early_demux=$line" "^$line\$" "$seen"
done
as_recorded
