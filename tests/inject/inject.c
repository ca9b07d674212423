/*
 * Makes the calls of srcproxy fail, one after the other. It is linked into a
 * srcproxy of its own (--wrap of ld(1)). A test arms it through a file that
 * both map, named by SRCPROXY_INJECT. Then the first call that has not failed
 * yet fails, and no other call until it is armed again. If it is armed and no
 * call fails, each call on that path has failed with each of its errors.
 *
 * A call is identified by its place in the program, and by how often it was
 * made there since the arming. A mere count would differ from run to run, as
 * threads do.
 *
 * Left out are calls that cannot fail with a correct descriptor: close(2),
 * shutdown(2), clearing SO_LINGER, the mutexes.
 */

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define SITES 256
#define TIMES 6 /* calls of one site after an arming */

/* The layout is that of tests/e2e/injection.py. */
struct control {
	atomic_uint armed;    /* a number that grows with each arming */
	atomic_uint fired;    /* the last of these in which a call failed */
	atomic_uint unparked; /* parked threads end at once */
	int error;
	char call[32];
	_Atomic int64_t clock_s;  /* how far the wall clock has jumped */
	atomic_uint limited;      /* rate limits of the log are on, as usual */
	_Atomic int64_t passed_s; /* how far the monotonic clock has jumped */
	atomic_uint steps; /* of a hand-over until the last one; 0: no end */
	atomic_int step_error;     /* with which that one fails; 0: a kill */
	_Atomic int64_t connect_s; /* what each connect(2) adds to passed_s */
};

struct site {
	const void *place;
	unsigned armed, times;
	unsigned failed[TIMES]; /* how many of its errors have been injected */
};

static struct control *control;
static struct site sites[SITES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void __attribute__((constructor)) map_control(void)
{
	const char *path = getenv("SRCPROXY_INJECT");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	control = mmap(
	    NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (control == MAP_FAILED)
		abort();
	close(fd);
}

static struct site *
find_site(const void *place)
{
	struct site *site = sites;

	while (site->place && site->place != place)
		site++;
	if (site == sites + SITES - 1)
		abort();
	site->place = place;
	return site;
}

/* Returns the error with which this call must fail; 0: none. */
static int
choose_error(const int *errors, const void *place, unsigned armed)
{
	struct site *site = find_site(place);
	unsigned *failed;

	if (site->armed != armed)
		site->times = 0;
	site->armed = armed;
	if (site->times == TIMES)
		return 0;
	failed = &site->failed[site->times++];
	return errors[*failed] ? errors[(*failed)++] : 0;
}

static int
inject(const char *call, const int *errors, const void *place)
{
	unsigned armed = control ? atomic_load(&control->armed) : 0;
	int error = 0;

	if (armed == 0 || atomic_load(&control->fired) == armed)
		return 0;
	pthread_mutex_lock(&lock);
	if (atomic_load(&control->fired) != armed)
		error = choose_error(errors, place, armed);
	if (error) {
		control->error = error;
		snprintf(control->call, sizeof(control->call), "%s", call);
		atomic_store(&control->fired, armed);
	}
	pthread_mutex_unlock(&lock);
	return error;
}

/* failed: the value that the call returns; the rest: its likely errors. */
#define WRAP(type, name, parameters, arguments, failed, ...)            \
	type __real_##name parameters;                                  \
	type __wrap_##name parameters;                                  \
	type __wrap_##name parameters                                   \
	{                                                               \
		static const int errors[] = { __VA_ARGS__, 0 };         \
		int error =                                             \
		    inject(#name, errors, __builtin_return_address(0)); \
                                                                        \
		if (!error)                                             \
			return __real_##name arguments;                 \
		errno = error;                                          \
		return failed;                                          \
	}

WRAP(void *, malloc, (size_t size), (size), NULL, ENOMEM)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL, ENOMEM)
WRAP(int, pthread_attr_init, (pthread_attr_t * attributes), (attributes), error,
    ENOMEM)
WRAP(int, pthread_create,
    (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *),
	void *argument),
    (thread, attributes, run, argument), error, EAGAIN, ENOMEM)
WRAP(int, socket, (int domain, int type, int protocol),
    (domain, type, protocol), -1, EMFILE, ENFILE, ENOBUFS)
WRAP(int, accept4, (int fd, struct sockaddr *peer, socklen_t *len, int flags),
    (fd, peer, len, flags), -1, EINTR, EAGAIN, ECONNABORTED, ENETDOWN, EPROTO,
    ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH,
    EPERM, ETIMEDOUT, EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, ENOSR)
WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t len),
    (fd, address, len), -1, EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOMEM)
WRAP(int, getsockopt,
    (int fd, int level, int name, void *value, socklen_t *len),
    (fd, level, name, value, len), -1, ENOBUFS, ENOENT)
WRAP(int, getsockname, (int fd, struct sockaddr *address, socklen_t *len),
    (fd, address, len), -1, ENOBUFS)
WRAP(ssize_t, send, (int fd, const void *data, size_t len, int flags),
    (fd, data, len, flags), -1, EINTR, EAGAIN, ECONNRESET, EPIPE, ETIMEDOUT,
    ENOBUFS)
WRAP(ssize_t, recv, (int fd, void *data, size_t len, int flags),
    (fd, data, len, flags), -1, EINTR, EAGAIN, ECONNRESET, ETIMEDOUT, ENOMEM)
WRAP(int, pipe2, (int fds[2], int flags), (fds, flags), -1, EMFILE, ENFILE)
WRAP(ssize_t, splice,
    (int from, off64_t *from_at, int to, off64_t *to_at, size_t len,
	unsigned flags),
    (from, from_at, to, to_at, len, flags), -1, EINTR, EAGAIN, ECONNRESET,
    EINVAL, ENOMEM)
WRAP(int, poll, (struct pollfd * fds, nfds_t count, int wait_ms),
    (fds, count, wait_ms), -1, EINTR, ENOMEM)
WRAP(ssize_t, write, (int fd, const void *data, size_t len), (fd, data, len),
    -1, EINTR, EAGAIN, ENOSPC)
WRAP(int, getaddrinfo,
    (const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **list),
    (host, service, hints, list), error, EAI_AGAIN, EAI_MEMORY)

int __real_setsockopt(
    int fd, int level, int name, const void *value, socklen_t len);
int __wrap_setsockopt(
    int fd, int level, int name, const void *value, socklen_t len);
int
__wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	static const int errors[] = { ENOBUFS, EPERM, 0 };
	const struct linger *linger = value;
	int error = 0;

	if (level != SOL_SOCKET || name != SO_LINGER || linger->l_onoff)
		error =
		    inject("setsockopt", errors, __builtin_return_address(0));
	if (!error)
		return __real_setsockopt(fd, level, name, value, len);
	errno = error;
	return -1;
}

/* Returns the error of this step of a hand-over; 0: none. */
static int
take_step(void)
{
	unsigned left = control ? atomic_load(&control->steps) : 0;

	if (left == 0 || atomic_fetch_sub(&control->steps, 1) != 1)
		return 0;
	if (atomic_load(&control->step_error) == 0)
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGKILL);
	return atomic_load(&control->step_error);
}

/* Only a hand-over makes these calls: they part it into steps. */
#define WRAP_STEP(type, name, parameters, arguments)    \
	type __real_##name parameters;                  \
	type __wrap_##name parameters;                  \
	type __wrap_##name parameters                   \
	{                                               \
		int error = take_step();                \
		if (!error)                             \
			return __real_##name arguments; \
		errno = error;                          \
		return -1;                              \
	}

WRAP_STEP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
    (fd, message, flags))
WRAP_STEP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags),
    (fd, message, flags))
WRAP_STEP(int, eventfd, (unsigned value, int flags), (value, flags))
WRAP_STEP(int, dup, (int fd), (fd))

/*
 * After EINTR and EINPROGRESS the connection is still made, as connect(2) says.
 */
int __real_connect(int fd, const struct sockaddr *to, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len);
int
__wrap_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	static const int errors[] = { EINTR, EINPROGRESS, ECONNREFUSED,
		ETIMEDOUT, ENETUNREACH, EADDRNOTAVAIL, ENOBUFS, 0 };
	int error = inject("connect", errors, __builtin_return_address(0));

	if (control)
		atomic_fetch_add(
		    &control->passed_s, atomic_load(&control->connect_s));
	if (!error)
		return __real_connect(fd, to, len);
	if (error == EINTR || error == EINPROGRESS)
		__real_connect(fd, to, len);
	errno = error;
	return -1;
}

/* Only parked threads wait in this way. */
bool __real_futex_wait(atomic_uint *word, unsigned value, int64_t deadline);
bool __wrap_futex_wait(atomic_uint *word, unsigned value, int64_t deadline);
bool
__wrap_futex_wait(atomic_uint *word, unsigned value, int64_t deadline)
{
	static const int errors[] = { ETIMEDOUT, 0 };

	if ((control && atomic_load(&control->unparked)) ||
	    inject("futex_wait", errors, __builtin_return_address(0)))
		return false;
	return __real_futex_wait(word, value, deadline);
}

/*
 * Stands for a change of the wall clock, which no namespace has for itself, or
 * for much time that has passed.
 */
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int
__wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = __real_clock_gettime(clock, now);

	if (control && clock == CLOCK_REALTIME)
		now->tv_sec += (time_t)atomic_load(&control->clock_s);
	if (control && clock == CLOCK_MONOTONIC)
		now->tv_sec += (time_t)atomic_load(&control->passed_s);
	return result;
}

/* The tests must see all reasons, however many there are of a kind. */
bool __real_log_limit_pass(struct log_limit *limit, unsigned *skipped);
bool __wrap_log_limit_pass(struct log_limit *limit, unsigned *skipped);
bool
__wrap_log_limit_pass(struct log_limit *limit, unsigned *skipped)
{
	if (control && atomic_load(&control->limited))
		return __real_log_limit_pass(limit, skipped);
	*skipped = 0;
	return true;
}

/* glibc's name of it with large files. */
int FCNTL_REAL(int fd, int command, ...);
int FCNTL_WRAP(int fd, int command, unsigned long argument);
int
FCNTL_WRAP(int fd, int command, unsigned long argument)
{
	static const int errors[] = { EBUSY, 0 };
	int error = inject("fcntl", errors, __builtin_return_address(0));

	if (!error)
		return FCNTL_REAL(fd, command, argument);
	errno = error;
	return -1;
}
