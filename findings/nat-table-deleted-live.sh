#!/bin/bash
# Software: Linux 6.18.44 and nftables 1.0.6 (Debian 12).
# Guess: connections that a nat chain redirects outlive `nft delete table`, for
#   conntrack keeps their translation.
# Behaviour: they hang once the last nat chain is gone, and when a nat chain
#   remains but no rule needs conntrack. They live on when both remain: another
#   chain of type nat, be it empty, and a rule such as `ct state invalid drop`.
#   The entries of conntrack are there in each case; its hooks are not.
# Seen: nothing: hangs
#   nat: hangs
#   ct: hangs
#   nat ct: lives
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	# The user has a namespace of its own, which this process holds open.
	unshare -n sleep 50 &
	user=$!
	trap 'kill $user' EXIT
	until [ "$(readlink /proc/"$user"/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
		sleep 0.05
	done
	ip link add gate type veth peer name user netns "$user"
	ip addr add 10.1.0.1/24 dev gate
	ip link set gate up
	nsenter -n -t "$user" ip addr add 10.1.0.2/24 dev user
	nsenter -n -t "$user" ip link set user up
	nsenter -n -t "$user" ip route add default via 10.1.0.1
	for rest in nothing nat ct "nat ct"; do
		nft flush ruleset
		nft -f - <<-'EOF'
		table inet redirection {
			chain users {
				type nat hook prerouting priority -100
				ip saddr 10.1.0.0/24 meta l4proto tcp redirect to :9001
			}
		}
		EOF
		[[ $rest != *nat* ]] || nft -f - <<-'EOF'
		table ip other_nat {
			chain empty { type nat hook postrouting priority 100; }
		}
		EOF
		[[ $rest != *ct* ]] || nft -f - <<-'EOF'
		table ip other_ct {
			chain input {
				type filter hook input priority 0
				ct state invalid drop
			}
		}
		EOF
		/usr/bin/python3 - "$user" "$rest" <<-'EOF'
		import ctypes, os, socket, subprocess, sys

		CLONE_NEWNET = 0x40000000
		gate = os.open("/proc/self/ns/net", os.O_RDONLY)
		user = os.open(f"/proc/{sys.argv[1]}/ns/net", os.O_RDONLY)
		setns = ctypes.CDLL(None).setns
		listener = socket.create_server(("0.0.0.0", 9001))
		listener.settimeout(5)
		setns(user, CLONE_NEWNET)
		sender = socket.create_connection(("10.2.0.2", 80), 5)
		setns(gate, CLONE_NEWNET)
		receiver, _ = listener.accept()
		receiver.settimeout(2)
		sender.sendall(b"a")
		assert receiver.recv(1) == b"a"
		subprocess.run(["nft", "delete table inet redirection"], check=True)
		sender.sendall(b"b")
		try:
		    assert receiver.recv(1) == b"b"
		    end = "lives"
		except TimeoutError:
		    end = "hangs"
		print(f"{sys.argv[2]}: {end}")
		EOF
	done
}

seen=$(in_namespace trial)
echo "$seen"
expect "nothing else is there" '^nothing: hangs$' "$seen"
expect "a nat chain is there" '^nat: hangs$' "$seen"
expect "a rule with conntrack is there" '^ct: hangs$' "$seen"
expect "both are there" '^nat ct: lives$' "$seen"
as_recorded
