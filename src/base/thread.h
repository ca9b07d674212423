#ifndef BASE_THREAD_H
#define BASE_THREAD_H

/*
 * Threads for one task each. A thread whose task has ended is parked for some
 * seconds and can take another task: to wake it costs a tenth of creating one.
 * A thread inherits the signal mask of its creator. main() blocks all signals
 * before it creates the first thread, so no handler ever runs on these small
 * stacks.
 */

/*
 * Runs run(argument) in a thread of its own, detached. Returns 0, or -EAGAIN
 * when a limit on threads or memory is reached (pthread_create(3)), -ENOMEM.
 */
int thread_start(void (*run)(void *argument), void *argument);

#endif
