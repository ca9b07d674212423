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
 * Paths that are read-only for ever. They lie below all other memory, from the
 * start of a page to end. The filter knows each by its pointer. end NULL: none.
 */
struct sealed {
	const char *end;
	const char *read;    /* the one file that may be opened; NULL: any */
	const char *removed; /* the one that may be removed; NULL: none */
};

/*
 * Call before the first thread, when all files to be written are open. names:
 * hosts are looked up, which needs local sockets. Sets no_new_privs. Returns
 * NULL, or why nothing was restricted.
 */
const char *syscalls_restrict(bool names, const struct sealed *sealed);

#endif
