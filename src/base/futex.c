#include "base/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/time_types.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/deadline.h"

/* The timeout of FUTEX_WAIT is relative, by the monotonic clock. */
bool
futex_wait(atomic_uint *word, unsigned value, int64_t deadline)
{
	int64_t left = deadline_left(deadline);
	struct __kernel_old_timespec wait = {
		.tv_sec = (__kernel_old_time_t)(left / 1000),
		.tv_nsec = (long)(left % 1000) * 1000000,
	};

	return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value,
		   deadline == DEADLINE_NEVER ? NULL : &wait) == 0 ||
	    errno != ETIMEDOUT;
}

void
futex_wake(atomic_uint *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}
