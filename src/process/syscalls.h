#ifndef PROCESS_SYSCALLS_H
#define PROCESS_SYSCALLS_H

/*
 * Restricts the system calls: any call that the running program does not need
 * fails with ENOSYS, for ever. See seccomp(2). Needs libseccomp.
 *
 * With ENOSYS, a module of nsswitch.conf that uses an unforeseen call loses one
 * lookup instead of killing the process with all connections. A newer C library
 * falls back from a new call to an old one.
 */

#include <stdbool.h>

/*
 * Call before the first thread, when all files to be written are open. names:
 * hosts are looked up, which needs local sockets. only: the path of the only
 * file that may be opened, and only by this pointer; the string starts a page
 * below all other memory and is read-only for ever. NULL: any file. Sets
 * no_new_privs. Returns NULL, or why nothing was restricted.
 */
const char *syscalls_restrict(bool names, const char *only);

#endif
