#ifndef BASE_WALL_CLOCK_H
#define BASE_WALL_CLOCK_H

/* The time of day, which may be wrong, and may be set (clock_gettime(2)). */

#include <stdint.h>
#include <time.h>

/* Milliseconds since 1970-01-01 UTC. */
static inline uint64_t
wall_clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
