#ifndef PROCESS_SOCKET_ACTIVATION_H
#define PROCESS_SOCKET_ACTIVATION_H

/*
 * Sockets that the service manager opened and passed to the program as
 * sd_listen_fds(3) describes: LISTEN_PID, LISTEN_FDS.
 */

/* The first descriptor; the others follow it. */
#define HANDOVER_FIRST_FD 3

/*
 * The number of sockets; 0 if there are none, or if they are for another
 * process. -EINVAL if a variable is no number. Call it once: it unsets the
 * variables.
 */
int socket_activation_count(void);

#endif
