#ifndef THREAD_H
#define THREAD_H

/*
 * Threads with small stacks. Each takes the signal mask of its maker: main()
 * blocks all signals before it makes the first one, so no handler ever runs on
 * these stacks.
 */

#include <pthread.h>
#include <stddef.h>

/* Enough for the copy loop and its buffer. */
#define THREAD_STACK_COPY (64 * 1024)

/*
 * Enough for a worker, which may call getaddrinfo(3) and whatever modules the
 * host's nsswitch.conf names. Only pages that are touched cost memory.
 */
#define THREAD_STACK_WORKER (256 * 1024)

/*
 * Runs run(argument). The caller joins *thread; NULL: a detached thread.
 * Returns 0, or -EAGAIN when a limit on threads or memory is reached
 * (pthread_create(3)), -ENOMEM.
 */
int thread_start(
    void *(*run)(void *), void *argument, size_t stack_size, pthread_t *thread);

#endif
