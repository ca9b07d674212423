#ifndef PROCESS_SANDBOX_H
#define PROCESS_SANDBOX_H

/*
 * What keeps whoever takes the program over from doing more than it does: as
 * few system calls (syscalls.h) and files (landlock.h) as possible.
 */

#include <stdbool.h>

/* What is still to be done inside. */
struct sandbox {
	const char *config_path; /* read again */
	bool names;              /* hosts looked up */
	bool binds_ports;        /* TCP sockets bound to ports asked for */
};

/*
 * Before the first thread, and after all that is done only once. There is no
 * way back. Says in the log what is in force; a kernel that lacks one of the
 * two does not keep the other, or the program, from working.
 *
 * Returns the path by which alone the configuration can be read then, for ever.
 */
const char *sandbox_enter(const struct sandbox *sandbox);

/* Whether hosts can be looked up, where it has been entered without names. */
bool sandbox_has_names(void);

#endif
