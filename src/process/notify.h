#ifndef PROCESS_NOTIFY_H
#define PROCESS_NOTIFY_H

/*
 * Tells the service manager how far we are, as sd_notify(3) has it: datagrams
 * to the socket that NOTIFY_SOCKET names. Without one nothing is done.
 */

/* At start, while that socket may still be reached. Reports failures. */
void notify_open(void);

void notify_ready(void);
/* notify_ready() must follow. */
void notify_reloading(void);
void notify_stopping(void);

#endif
