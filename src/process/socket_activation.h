#ifndef PROCESS_SOCKET_ACTIVATION_H
#define PROCESS_SOCKET_ACTIVATION_H

/*
 * Sockets that the service manager has opened and hands over when it starts
 * the program, as sd_listen_fds(3) has it: LISTEN_PID, LISTEN_FDS.
 */

/* They are this descriptor and those after it. */
#define HANDOVER_FIRST_FD 3

/*
 * How many; 0 if there are none, or they are another process's. -EINVAL for
 * what is no number. To be asked once: the variables are gone afterwards.
 */
int socket_activation_count(void);

#endif
