#ifndef SIGNALS_H
#define SIGNALS_H

/*
 * Signals are not handled but fetched: all of them are blocked, and main()'s
 * thread waits for those that ask for something.
 */

#include <stdbool.h>
#include <stdint.h>

/* Before the first thread: all others take the mask over. */
void signals_block(void);

/* Waits for SIGTERM, SIGINT or SIGHUP, and returns which one it is. */
int signals_wait(void);

/* Waits for SIGTERM or SIGINT; false if none came in that time. */
bool signals_wait_end(int64_t wait_ms);

#endif
