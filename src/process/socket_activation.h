#ifndef PROCESS_SOCKET_ACTIVATION_H
#define PROCESS_SOCKET_ACTIVATION_H

/*
 * Sockets that the service manager opened and passed to the program as
 * sd_listen_fds(3) describes: LISTEN_PID, LISTEN_FDS.
 */

struct socket_activation {
	int *fds; /* the descriptors; allocated, stored ones last */
	/* Stored: left in the manager's store by the process before. */
	int count, stored_count;
};

/*
 * Reads them; there are none if they are for another process. LISTEN_FDNAMES
 * tells which are stored (process/notify.h). Returns 0, -EINVAL if a variable is
 * no number, or -ENOMEM. Call it once: it unsets the variables.
 */
int socket_activation_read(struct socket_activation *given);

#endif
