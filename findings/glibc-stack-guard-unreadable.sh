#!/bin/bash
# Software: glibc 2.43 (Debian unstable; since 2.42), on Linux 6.18.44.
# Guess: a mapping that /proc/PID/maps shows as rw-p can be read from its first
#   to its last byte through /proc/PID/mem, as with glibc 2.36 and 2.41, whose
#   guard pages are ---p mappings of their own.
# Behaviour: the guard pages of thread stacks are made with MADV_GUARD_INSTALL.
#   They lie inside a rw-p mapping, which several stacks may share, and maps
#   does not show them. Reading there fails with EIO, so whoever searches or
#   dumps a process by its mappings must step over what cannot be read.
# Seen: glibc 2.43: 4 threads, 0 guards in maps, 4 guards inside rw-p (EIO)
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
suite unstable
package libc6=2.43-7

cat >"$work/read.py" <<'EOF'
import ctypes, errno, os, threading

THREADS, PAGE = 4, os.sysconf("SC_PAGESIZE")
libc = ctypes.CDLL("libc.so.6")
libc.gnu_get_libc_version.restype = ctypes.c_char_p
end = threading.Event()
for _ in range(THREADS):
    threading.Thread(target=end.wait).start()
shown = inside = 0
memory = os.open("/proc/self/mem", os.O_RDONLY)
with open("/proc/self/maps") as maps:
    mappings = maps.read().splitlines()
for mapping in mappings:
    addresses, access = mapping.split()[:2]
    first, last = (int(each, 16) for each in addresses.split("-"))
    if access == "---p" and last - first == PAGE and len(mapping.split()) == 5:
        shown += 1
    if access != "rw-p":
        continue
    guards, page = 0, first
    while page < last:
        try:
            page += len(os.pread(memory, min(last - page, 1 << 20), page))
        except OSError as error:
            assert error.errno == errno.EIO
            guards += 1
            page += PAGE
    inside += guards
end.set()
print(f"glibc {libc.gnu_get_libc_version().decode()}: {THREADS} threads, "
      f"{shown} guards in maps, {inside} guards inside rw-p (EIO)")
EOF

seen=$(run /usr/bin/python3 "$work/read.py")
echo "$seen"
expect "the guards" '^glibc 2\.43: .* 0 guards in maps, [1-9][0-9]* guards inside' "$seen"
as_recorded
