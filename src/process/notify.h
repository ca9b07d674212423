#ifndef PROCESS_NOTIFY_H
#define PROCESS_NOTIFY_H

/*
 * Notifies the service manager of our state as sd_notify(3): datagrams to the
 * socket in NOTIFY_SOCKET. Does nothing without that variable.
 */

#include <sys/types.h>

/* Call at start, while the socket can still be reached. Reports failures. */
void notify_open(void);

void notify_ready(void);
/* notify_ready() must follow. */
void notify_reloading(void);
void notify_stopping(void);

/* Another process serves from now on; this one ends soon. */
void notify_main_pid(pid_t pid);

/* The line that systemctl status shows, without a newline. */
void notify_status(const char *text);

#endif
