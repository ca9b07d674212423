#!/bin/bash
# Software: Linux 6.18.44.
# Guess: a list of addresses (RTM_GETADDR with NLM_F_DUMP) that is read while
#   addresses go away may lack those, but has all that were there all the time.
# Behaviour: the kernel goes on by number, so for each address that goes away in
#   front of the place another one is left out that was never touched. One of the
#   buffers has NLM_F_DUMP_INTR in its messages, and no call fails.
# Lesson: a program that decides by the list what is an address of the host looks
#   for the mark in all messages, and asks again. (ip-rule-flush-many.sh has the
#   same cause.)
# Seen, of 1900 addresses that stay: 100 go away: 100 missing, 1 of 7 buffers
#   marked
#   0 go away: 0 missing, 0 of 7 buffers marked
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"

cat >"$work/list.py" <<'END'
import socket, struct

# linux/rtnetlink.h and linux/netlink.h
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
REQUEST, ACK, DUMP, CREATE, DUMP_INTR, DONE = 1, 4, 0x300, 0x400, 0x10, 3
LOOPBACK = socket.if_nametoindex("lo")
HEADER, BODY = 16, 8

def message(kind, flags, address=b""):
    attributes = b"".join(struct.pack("HH4s", 8, name, address)
                          for name in (1, 2) if address)
    body = struct.pack("BBBBi", socket.AF_INET, 32 if address else 0, 0, 0,
                       LOOPBACK if address else 0) + attributes
    return struct.pack("IHHII", HEADER + len(body), kind, flags, 1, 0) + body

def netlink():
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)

def change(kind, addresses):
    with netlink() as own:
        for address in addresses:
            own.send(message(kind, REQUEST | ACK | CREATE, address))
            assert struct.unpack_from("i", own.recv(4096), HEADER)[0] == 0

def buffers():
    """The addresses in each buffer of a list, and whether it is marked."""
    with netlink() as own:
        own.send(message(RTM_GETADDR, REQUEST | DUMP))
        kind = None
        while kind != DONE:
            data, at, found, marked = own.recv(1 << 16), 0, set(), False
            while at < len(data):
                length, kind, flags = struct.unpack_from("IHH", data, at)
                marked |= bool(flags & DUMP_INTR)
                if kind == RTM_NEWADDR:
                    # The first attribute is the address.
                    begin = at + HEADER + BODY + 4
                    found.add(data[begin:begin + 4])
                at += length + 3 & ~3
            yield found, marked

def read(gone):
    found, marks = set(), []
    for some, marked in buffers():
        if not marks:
            change(RTM_DELADDR, gone)
        found |= some
        marks.append(marked)
    return found, f"{sum(marks)} of {len(marks)} buffers marked"

addresses = [socket.inet_aton(f"10.1.{i >> 8}.{i & 255}") for i in range(2000)]
stay = set(addresses[100:])
change(RTM_NEWADDR, addresses)
for gone in addresses[:100], []:
    found, marked = read(gone)
    print(f"{len(gone)} go away: {len(stay - found)} missing, {marked}")
END

# shellcheck disable=SC2317 # in_namespace runs it
trial() {
	/usr/bin/python3 "$work/list.py"
}

seen=$(in_namespace trial)
echo "$seen"
expect "some go away" '^100 go away: 100 missing, 1 of [0-9]+ buffers marked$' "$seen"
expect "none goes away" '^0 go away: 0 missing, 0 of ' "$seen"
as_recorded
