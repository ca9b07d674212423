#ifndef PROCESS_SYSCALLS_H
#define PROCESS_SYSCALLS_H

/*
 * The system calls that the running program makes; all others fail with
 * ENOSYS, for ever. See seccomp(2). Needs libseccomp.
 *
 * A module of nsswitch.conf that wants more than is foreseen here so loses one
 * lookup, not the process with all connections; and a newer C library falls
 * back from a call that is not known here to one that is.
 */

#include <stdbool.h>

/*
 * Only before the first thread, and with all files open that are to be written
 * to. names: hosts are looked up, which takes local sockets. only: the path of
 * the one file that may be opened, by this pointer alone; it lies below all
 * other memory, from the start of a page, and cannot be changed any more.
 * NULL: any file. Sets no_new_privs. Returns NULL, or why nothing was
 * restricted.
 */
const char *syscalls_restrict(bool names, const char *only);

#endif
