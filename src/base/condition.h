#ifndef BASE_CONDITION_H
#define BASE_CONDITION_H

/*
 * Condition variables that wait by the monotonic clock (deadline.h). A plain
 * pthread_cond_init(3) uses the wall clock: when somebody sets that clock, a
 * wait would end early or last for hours.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void condition_init(pthread_cond_t *condition);

/*
 * As pthread_cond_wait(3), with its spurious wakeups. False once the deadline
 * has passed.
 */
bool condition_wait(
    pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline);

#endif
