#ifndef BASE_THREAD_H
#define BASE_THREAD_H

/*
 * Threads for one task each. A thread whose task has ended is parked for some
 * seconds, in case that another one comes: to wake it costs a tenth of making
 * it. Each takes the signal mask of its maker: main() blocks all signals before
 * it makes the first one, so no handler ever runs on these small stacks.
 */

/*
 * Runs run(argument) in a thread of its own, detached. Returns 0, or -EAGAIN
 * when a limit on threads or memory is reached (pthread_create(3)), -ENOMEM.
 */
int thread_start(void (*run)(void *argument), void *argument);

#endif
