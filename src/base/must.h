#ifndef BASE_MUST_H
#define BASE_MUST_H

/*
 * For calls that fail only through a bug, as pthread_mutex_lock(3). After that
 * failure nothing can be trusted any more.
 */

#include <stdlib.h>

/* error: what the call returned, 0 when all is well. */
static inline void
must(int error)
{
	if (error)
		abort();
}

#endif
