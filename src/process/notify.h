#ifndef PROCESS_NOTIFY_H
#define PROCESS_NOTIFY_H

/*
 * Notifies the service manager of our state as sd_notify(3): datagrams to the
 * socket in NOTIFY_SOCKET. Does nothing without that variable.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Call at start, while the socket can still be reached. Reports failures. */
void notify_open(void);

void notify_ready(void);
/* notify_ready() must follow. */
void notify_reloading(void);
void notify_stopping(void);

/* Another process serves from now on; this one ends soon. */
void notify_main_pid(pid_t pid);

/* Whether there is a service manager. */
bool notify_is_open(void);

/*
 * The manager's store keeps descriptors while the service is restarted
 * (FileDescriptorStoreMax=). All of them have that name. notify_await() returns
 * when the manager has done all that it was told, or false if it does not.
 * notify_store() returns 0 or a negative errno; at most PASSING_MAX_FDS at a time.
 */
#define NOTIFY_STORED "stored"
int notify_store(const int *fds, size_t count);
void notify_forget_stored(void);
bool notify_await(void);

/* The line that systemctl status shows, without a newline. */
void notify_status(const char *text);

#endif
