#ifndef BASE_CONDITION_H
#define BASE_CONDITION_H

/*
 * Condition variables whose waits end by the monotonic clock (deadline.h):
 * those of pthread_cond_init(3) would end, or last for hours, when somebody
 * sets the wall clock.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void condition_init(pthread_cond_t *condition);

/*
 * As pthread_cond_wait(3), which may return without a reason. False once the
 * deadline has passed.
 */
bool condition_wait(
    pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline);

#endif
