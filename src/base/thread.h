#ifndef BASE_THREAD_H
#define BASE_THREAD_H

/*
 * Threads for one task each. A thread whose task has ended is parked for some
 * seconds and can take another task: to wake it costs a tenth of creating one.
 * A thread inherits the signal mask of its creator. main() blocks all signals
 * before it creates the first thread, except one whose handler does nothing
 * (base/signals.h).
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * Runs run(argument) in a thread of its own, detached. Returns 0, or -EAGAIN
 * when a limit on threads or memory is reached (pthread_create(3)), -ENOMEM.
 */
int thread_start(void (*run)(void *argument), void *argument);

/*
 * Creates that many parked threads for coming tasks. Returns 0, or an error as
 * above when fewer were created.
 */
int thread_reserve(size_t count);

/* Whether threads park. If not, each ends with its task, to free its memory. */
void thread_set_parking(bool is_on);

#endif
