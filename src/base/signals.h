#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

/*
 * Signals have no handlers. All of them are blocked, and the main thread
 * fetches those that srcproxy reacts to.
 */

#include <stdint.h>

/* Call before the first thread: later threads inherit the mask. */
void signals_block(void);

/* Waits for SIGTERM, SIGINT, SIGHUP or SIGUSR1; 0 if none came in wait_ms. */
int signals_wait(int64_t wait_ms);

/* The same without SIGHUP. */
int signals_wait_ending(int64_t wait_ms);

#endif
