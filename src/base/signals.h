#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

/*
 * Signals are not handled but fetched: all of them are blocked, and main()'s
 * thread waits for those that ask for something.
 */

#include <stdint.h>

/* Before the first thread: all others take the mask over. */
void signals_block(void);

/* Waits for SIGTERM, SIGINT, SIGHUP or SIGUSR1; 0 if none came in that time. */
int signals_wait(int64_t wait_ms);

/* The same without SIGHUP. */
int signals_wait_ending(int64_t wait_ms);

#endif
