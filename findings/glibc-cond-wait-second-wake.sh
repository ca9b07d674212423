#!/bin/bash
# Software: glibc 2.36 (Debian 12), on Linux 6.18.44; 2.41 and 2.43 do the same.
# Guess: a thread that is woken from pthread_cond_timedwait() while nobody has
#   the mutex makes one system call, the wait. Its pthread_mutex_unlock() is
#   free, as every unlock is for which nobody waits.
# Behaviour: a condition wait takes the mutex back as if others waited for it,
#   so the unlock behind each wait is a FUTEX_WAKE that wakes nobody: twice
#   the system calls, however quiet the mutex is.
# Seen: glibc 2.36: waits for the condition 200, waits for the mutex 0,
#   wakes of the mutex 200
# shellcheck source=findings/lib
. "$(dirname "$0")/lib"
package libc6=2.36-9+deb12u14 strace=6.1-0.1 libunwind8=1.6.2-3

cat >"$work/rounds.py" <<'EOF'
import ctypes, threading, time

libc = ctypes.CDLL("libc.so.6")
mutex, condition = (ctypes.create_string_buffer(64) for _ in range(2))
ROUNDS, in_lock = 200, threading.Semaphore(0)

def wait():
    deadline = (ctypes.c_long * 2)(int(time.time()) + 50, 0)
    for _ in range(ROUNDS):
        libc.pthread_mutex_lock(mutex)
        in_lock.release()
        libc.pthread_cond_timedwait(condition, mutex, deadline)
        libc.pthread_mutex_unlock(mutex)

thread = threading.Thread(target=wait)
thread.start()
for _ in range(ROUNDS):
    in_lock.acquire()
    # Trying never makes the mutex contended.
    while libc.pthread_mutex_trylock(mutex):
        time.sleep(0.0005)
    libc.pthread_mutex_unlock(mutex)
    libc.pthread_cond_signal(condition)
thread.join()
libc.gnu_get_libc_version.restype = ctypes.c_char_p
print(libc.gnu_get_libc_version().decode(),
      f"{ctypes.addressof(mutex):#x} {ctypes.addressof(condition):#x}")
EOF

start
strace=$(command -v strace)
read -r version mutex condition < <("${start[@]}" "$strace" -f -qq -e trace=futex \
	-o "$work/calls" "${start[@]}" /usr/bin/python3 "$work/rounds.py")
count() {
	grep -cE "$1" "$work/calls" || true
}
# The words of the condition are the 48 bytes from its start.
words=$(seq -f %.0f $((condition)) 4 $((condition + 44)) | xargs printf '|%#x')
seen="glibc $version: waits for the condition $(count "futex\((${words#|}), FUTEX_WAIT"),\
 waits for the mutex $(count "futex\($mutex, FUTEX_WAIT"),\
 wakes of the mutex $(count "futex\($mutex, FUTEX_WAKE")"
echo "$seen"
expect "the calls" \
	'^glibc 2\.36: .* condition 200, .* mutex 0, wakes of the mutex 200$' "$seen"
as_recorded
