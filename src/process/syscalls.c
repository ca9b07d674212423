#include "process/syscalls.h"

#ifdef HAVE_LIBSECCOMP

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"

/* The types of socket(2) that need no capability, without flags. */
#define SOCK_TYPE_MASK 0xf

#define OPEN_WRITE_FLAGS (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

/* s390 swaps the first two arguments of clone(2). */
#ifdef __s390__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

#define CLONE_NAMESPACES                                               \
	(CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | \
	    CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWUTS)

/*
 * By name: the header of an older library lacks some of these, and each
 * processor lacks others. The calls of 32-bit processors are included.
 */
static const char *const allowed[] = {
	/* memory */
	"brk",
	"membarrier",
	/* threads and time */
	"clock_getres",
	"clock_gettime",
	"clock_gettime64",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"exit",
	"exit_group",
	"futex",
	"futex_time64",
	"getcpu",
	"getpid",
	"gettid",
	"gettimeofday",
	"nanosleep",
	"restart_syscall",
	"rseq",
	"sched_getaffinity",
	"sched_yield",
	"set_robust_list",
	"set_tid_address",
	"time",
	/* signals */
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"rt_sigtimedwait_time64",
	"sigaltstack",
	"sigreturn",
	/* sockets */
	"accept",
	"accept4",
	"bind",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"listen",
	"recv",
	"recvfrom",
	"recvmmsg",
	"recvmmsg_time64",
	"recvmsg",
	"send",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	/* descriptors */
	"_llseek",
	"_newselect",
	"close",
	"close_range",
	"dup",
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_wait",
	"eventfd2",
	"ftruncate",
	"ftruncate64",
	"lseek",
	"pipe2",
	"poll",
	"ppoll",
	"ppoll_time64",
	"pread64",
	"pselect6",
	"pselect6_time64",
	"read",
	"readv",
	"select",
	"splice",
	"write",
	"writev",
	/* files, for reading only */
	"access",
	"faccessat",
	"faccessat2",
	"fstat",
	"fstat64",
	"fstatat64",
	"fstatfs",
	"fstatfs64",
	"getcwd",
	"getdents64",
	"lstat",
	"lstat64",
	"newfstatat",
	"readlink",
	"readlinkat",
	"stat",
	"stat64",
	"statfs",
	"statfs64",
	"statx",
	/* questions of name resolution and malloc(3) */
	"getegid",
	"getegid32",
	"geteuid",
	"geteuid32",
	"getgid",
	"getgid32",
	"getrandom",
	"getrlimit",
	"getuid",
	"getuid32",
	"sysinfo",
	"ugetrlimit",
	"uname",
};

/* Requests that simulate terminal input or set up interfaces are left out. */
static const uint32_t ioctls[] = {
	FIONBIO, FIONREAD, SIOCGIFFLAGS, SIOCGIFINDEX, SIOCGIFNAME, SIOCOUTQNSD,
	TCGETS, TIOCGWINSZ, TIOCOUTQ, /* SIOCOUTQ */
};

/*
 * Requests for pipes and for the descriptors of name resolution. F_SETOWN and
 * F_NOTIFY are left out, so no process gets a signal. The pidfile is locked
 * already.
 */
static const uint32_t fcntls[] = {
	F_DUPFD,
	F_DUPFD_CLOEXEC,
	F_GETFD,
	F_SETFD,
	F_GETFL,
	F_SETFL,
	F_GETPIPE_SZ,
	F_SETPIPE_SZ,
};

/* Condition: this argument has that value. */
static struct scmp_arg_cmp
equal(unsigned number, uint32_t value)
{
	return (struct scmp_arg_cmp){ number, SCMP_CMP_EQ, value, 0 };
}

/* Condition: the masked bits of this argument have that value. */
static struct scmp_arg_cmp
masked(unsigned number, uint32_t mask, uint32_t value)
{
	return (struct scmp_arg_cmp){ number, SCMP_CMP_MASKED_EQ, mask, value };
}

static int
allow_plain(scmp_filter_ctx filter)
{
	int error = 0;

	for (size_t i = 0; i < COUNT(allowed) && !error; i++) {
		int number = seccomp_syscall_resolve_name(allowed[i]);

		if (number != __NR_SCMP_ERROR)
			error =
			    seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	}
	return error;
}

/*
 * Condition: the range starts behind the sealed paths, which are lowest in
 * memory.
 */
static uint64_t
end_of_sealed(const struct sealed *sealed)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return ((uintptr_t)sealed->end + page - 1) / page * page;
}

/*
 * Allows memory, but no new code. Modules of name resolution are loaded before
 * (nss.h). No call may touch the sealed paths: no range starts at them, and no
 * mapping has a fixed address.
 *
 * On 32-bit x86 and on s390 mmap(2) takes a pointer to all of its arguments.
 * x86 has mmap2(2) instead; on s390 mmap(2) must be allowed as it is.
 */
static int
allow_memory(scmp_filter_ctx filter, const struct sealed *sealed)
{
	static const int others[] = { SCMP_SYS(madvise), SCMP_SYS(mremap),
		SCMP_SYS(munmap) };
	struct scmp_arg_cmp behind = { 0, SCMP_CMP_GE, end_of_sealed(sealed),
		0 };
	bool is_sealed = sealed->end != NULL;
	struct scmp_arg_cmp no_code = masked(2, PROT_EXEC, 0);
	int error = seccomp_rule_add(
	    filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 2, behind, no_code);

	for (size_t i = 0; i < COUNT(others) && !error; i++) {
		bool moves = others[i] == SCMP_SYS(mremap) && is_sealed;

		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, others[i],
		    moves ? 2 : 1, behind, masked(3, MREMAP_FIXED, 0));
	}
	if (!error)
		error =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap2),
			is_sealed ? 2 : 1, no_code, masked(3, MAP_FIXED, 0));
#if defined(__s390__)
	if (!error)
		error =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 0);
#elif !defined(__i386__)
	if (!error)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap),
		    is_sealed ? 2 : 1, no_code, masked(3, MAP_FIXED, 0));
#endif
	return error;
}

/* The second argument of the call is the request. */
static int
allow_requests(
    scmp_filter_ctx filter, int call, const uint32_t *requests, size_t count)
{
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = seccomp_rule_add(
		    filter, SCMP_ACT_ALLOW, call, 1, equal(1, requests[i]));
	return error;
}

/*
 * No raw sockets, even if CAP_NET_RAW is kept. socketcall(2), which some
 * processors have beside or instead of socket(2), hides the socket type from
 * the filter. libc may need it, so it is allowed.
 */
static int
allow_sockets(scmp_filter_ctx filter, bool local)
{
	static const unsigned domains[] = { AF_INET, AF_INET6 };
	static const unsigned types[] = { SOCK_STREAM, SOCK_DGRAM };
	int error = 0;

	for (size_t i = 0; i < 4 && !error; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(socket), 2, equal(0, domains[i / 2]),
		    masked(1, SOCK_TYPE_MASK, types[i % 2]));
	/*
	 * The sockets to the log and to the service manager are open already.
	 */
	if (!error && local)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(socket), 1, equal(0, AF_UNIX));
	/* Protocol 0 is NETLINK_ROUTE: the addresses of this host. */
	if (!error)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(socket), 2, equal(0, AF_NETLINK), equal(2, 0));
	return error;
}

/*
 * Allows new threads but no processes, own limits, and signals to own threads:
 * abort(3). abort(3) of musl uses tkill(2), which could reach all processes of
 * the same user. It is not allowed; abort(3) then crashes, which ends the
 * process too.
 */
static int
allow_own(scmp_filter_ctx filter)
{
	int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
	    masked(CLONE_FLAGS, CLONE_THREAD | CLONE_NAMESPACES, CLONE_THREAD));

	if (!error)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(prlimit64), 1, equal(0, 0));
	if (!error)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(tgkill), 1, equal(0, (uint32_t)getpid()));
	return error;
}

/*
 * A filter sees only the address of a path. That is enough if nothing else can
 * be mapped at that address.
 */
static int
allow_reading(scmp_filter_ctx filter, const char *only)
{
	struct scmp_arg_cmp open_args[] = {
		masked(1, OPEN_WRITE_FLAGS, 0),
		{ 0, SCMP_CMP_EQ, (uintptr_t)only, 0 },
	};
	struct scmp_arg_cmp openat_args[] = {
		masked(2, OPEN_WRITE_FLAGS, 0),
		{ 1, SCMP_CMP_EQ, (uintptr_t)only, 0 },
		masked(0, UINT32_MAX, (uint32_t)AT_FDCWD),
	};
	int error = seccomp_rule_add_array(
	    filter, SCMP_ACT_ALLOW, SCMP_SYS(open), only ? 2 : 1, open_args);

	if (!error)
		error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(openat), only ? 3 : 1, openat_args);
	return error;
}

/* The status socket, at the end. */
static int
allow_removing(scmp_filter_ctx filter, const char *removed)
{
	uintptr_t path = (uintptr_t)removed;
	int error;

	if (!removed)
		return 0;
	error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(unlink), 1,
	    (struct scmp_arg_cmp){ 0, SCMP_CMP_EQ, path, 0 });
	if (!error)
		error =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(unlinkat),
			3, masked(0, UINT32_MAX, (uint32_t)AT_FDCWD),
			(struct scmp_arg_cmp){ 1, SCMP_CMP_EQ, path, 0 },
			equal(2, 0));
	return error;
}

static int
set_attributes(scmp_filter_ctx filter)
{
	/* Report the kernel's own errors, not one for all. */
	int error = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);

	/* Kill the process, not only the thread, which may hold locks. */
	if (!error)
		error = seccomp_attr_set(
		    filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* Use a binary tree of comparisons instead of a list. */
	if (!error)
		error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/*
	 * Before Linux 5.16 a filter turns on a mitigation that slows
	 * everything down. Only programs that run foreign code, for example
	 * scripts, need it.
	 */
	if (!error)
		error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	return error;
}

const char *
syscalls_restrict(bool names, const struct sealed *sealed)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int error;

	if (!filter)
		return "no memory for the filter";
	error = set_attributes(filter);
	if (!error)
		error = allow_plain(filter);
	if (!error)
		error = allow_memory(filter, sealed);
	if (!error)
		error = allow_requests(
		    filter, SCMP_SYS(ioctl), ioctls, COUNT(ioctls));
	if (!error)
		error = allow_requests(
		    filter, SCMP_SYS(fcntl), fcntls, COUNT(fcntls));
	/* On a 32-bit processor libc calls this one for large files. */
	if (!error)
		error = allow_requests(
		    filter, SCMP_SYS(fcntl64), fcntls, COUNT(fcntls));
	if (!error)
		error = allow_sockets(filter, names);
	if (!error)
		error = allow_own(filter);
	if (!error)
		error = allow_reading(filter, sealed->read);
	if (!error)
		error = allow_removing(filter, sealed->removed);
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error ? strerror(-error) : NULL;
}

#else

#include <stddef.h>

const char *
syscalls_restrict(bool names, const struct sealed *sealed)
{
	(void)names;
	(void)sealed;
	return "built without it";
}

#endif
