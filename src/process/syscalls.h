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
 * Paths that cannot be changed any more. They lie below all other memory, from
 * the start of a page to end. Each is known by its pointer. end NULL: none is.
 */
struct sealed {
	const char *end;
	const char *read;    /* the one file that may be opened; NULL: any */
	const char *removed; /* the one that may be removed; NULL: none */
};

/*
 * Only before the first thread, and with all files open that are to be written
 * to. names: hosts are looked up, which takes local sockets. Sets no_new_privs.
 * Returns NULL, or why nothing was restricted.
 */
const char *syscalls_restrict(bool names, const struct sealed *sealed);

#endif
