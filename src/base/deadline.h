#ifndef BASE_DEADLINE_H
#define BASE_DEADLINE_H

/*
 * Points in time, in milliseconds of the monotonic clock, so that a stepped
 * wall clock ends no connection (clock_gettime(2), CLOCK_MONOTONIC).
 */

#include <stdint.h>
#include <time.h>

#define DEADLINE_NEVER INT64_MAX

static inline int64_t
deadline_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The deadline that lies wait_ms from now; a wait of 0 means no limit. */
static inline int64_t
deadline_after(int64_t wait_ms)
{
	return wait_ms == 0 ? DEADLINE_NEVER : deadline_now() + wait_ms;
}

/* The one that passes first. */
static inline int64_t
deadline_first(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The milliseconds left: 0 once the deadline has passed. */
static inline int64_t
deadline_left(int64_t deadline)
{
	int64_t now;

	if (deadline == DEADLINE_NEVER)
		return DEADLINE_NEVER;
	now = deadline_now();
	return deadline > now ? deadline - now : 0;
}

/* The same as poll(2) takes it: -1 for no limit. */
static inline int
deadline_poll(int64_t deadline)
{
	int64_t left = deadline_left(deadline);

	if (left == DEADLINE_NEVER)
		return -1;
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

#endif
