#ifndef PROCESS_SANDBOX_H
#define PROCESS_SANDBOX_H

/*
 * Limits the damage by an attacker who takes the program over: it can use few
 * system calls (syscalls.h) and few files (landlock.h).
 */

#include <stdbool.h>

/* The tasks that must still work inside the sandbox. */
struct sandbox {
	const char *config_path; /* read again */
	const char *socket_path; /* removed at the end; NULL: none */
	bool names;              /* hosts looked up */
	bool binds_ports;        /* TCP sockets bound to ports asked for */
};

/*
 * Enters the sandbox, for ever. Call before the first thread and after all work
 * that is done only once. Logs the parts in force; if the kernel lacks one
 * part, the other part and the program work all the same.
 *
 * Returns the path of the configuration. From now on only this pointer can open
 * the file.
 */
const char *sandbox_enter(const struct sandbox *sandbox);

/* Only this pointer can remove the socket; NULL: there is none. */
const char *sandbox_socket_path(void);

/* Each part: "on", or "off: " and the reason. */
#define SANDBOX_STATE_LEN 128
struct sandbox_state {
	char seccomp[SANDBOX_STATE_LEN], landlock[SANDBOX_STATE_LEN];
};
const struct sandbox_state *sandbox_state(void);

/* Whether hosts can be looked up, after sandbox_enter() without names. */
bool sandbox_has_names(void);

#endif
