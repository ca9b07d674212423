#ifndef PROCESS_PIDFILE_H
#define PROCESS_PIDFILE_H

/*
 * The pidfile, which tells an init system our process id. It is locked while
 * the program lives. It holds the id only while the program serves, and is
 * empty otherwise, so that only a kill can leave the id of a dead process. The
 * init system removes the file: the sandbox forbids that to us.
 */

#include <stdbool.h>

/*
 * Creates the file, or takes over a file that no process has locked. Content
 * other than a process id is kept and is an error. Returns 0, or -1 after
 * reporting the reason. Call before privileges are dropped and the sandbox is
 * entered.
 */
int pidfile_open(const char *path);

/*
 * Call before pidfile_open() in a process that replaces another one: takes over
 * that one's pidfile, with its lock. It is used if its path is that of
 * pidfile_open(). Until pidfile_write() it is still the other process's, and
 * pidfile_empty() does nothing; then it is ours or closed.
 */
void pidfile_inherit(int fd);
bool pidfile_is_inherited(void);

/* The descriptor of the pidfile, for a process that replaces this one; or -1. */
int pidfile_descriptor(void);

/* That process has it now: pidfile_empty() does nothing any more. */
void pidfile_forget(void);

/* These do nothing if no pidfile is open. */

/*
 * Writes the process id: we serve from now on. Returns 0, or -1 after reporting
 * the reason.
 */
int pidfile_write(void);

void pidfile_empty(void);

#endif
