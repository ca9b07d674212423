#include "process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture.h"
#include "process/landlock.h"
#include "suite.h"

#if defined(HAVE_LIBSECCOMP) && defined(HAVE_LANDLOCK)
#include <seccomp.h>
#endif

#if defined(HAVE_LIBSECCOMP) && defined(HAVE_LANDLOCK)
static const bool is_whole = true;
#else
static const bool is_whole = false;
#endif

#define DIRECTORY_TEMPLATE "/tmp/srcproxy-test-XXXXXX"

/* The files of the tests: a configuration, and a file out of its reach. */
static char config_dir[64], other_dir[64];
static char config_path[80], new_path[80], other_path[80];
static char neighbour_path[80], socket_path[80];

/* The path of the configuration inside the sandbox. */
static const char *path_inside;

/* The tasks of each half: with a server by address, and by name. */
enum mode { SERVER, CLIENT, CLIENT_WITH_NAME, MODES };
#define IN(mode) (1u << (mode))
#define IN_ALL (IN(MODES) - 1)

static const struct sandbox sandboxes[MODES] = {
	[SERVER] = { config_path, socket_path, false, true },
	[CLIENT] = { config_path, socket_path, false, false },
	[CLIENT_WITH_NAME] = { config_path, socket_path, true, false },
};

static void
make_file(const char *path)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs("secret", file);
	fclose(file);
}

static void
open_files(void)
{
	strcpy(config_dir, DIRECTORY_TEMPLATE);
	strcpy(other_dir, DIRECTORY_TEMPLATE);
	ck_assert_ptr_nonnull(mkdtemp(config_dir));
	ck_assert_ptr_nonnull(mkdtemp(other_dir));
	sprintf(config_path, "%s/config", config_dir);
	sprintf(new_path, "%s/new", config_dir);
	sprintf(other_path, "%s/other", other_dir);
	sprintf(neighbour_path, "%s/neighbour", config_dir);
	sprintf(socket_path, "%s/socket", other_dir);
	make_file(config_path);
	make_file(other_path);
	make_file(neighbour_path);
	make_file(socket_path);
}

static void
remove_files(void)
{
	unlink(config_path);
	unlink(new_path);
	unlink(other_path);
	unlink(neighbour_path);
	unlink(socket_path);
	rmdir(config_dir);
	rmdir(other_dir);
}

static int
outcome(long result)
{
	return result < 0 ? errno : 0;
}

/* Runs it in a child process; returns the status of waitpid(2). */
static int
run_in(int (*attempt)(void), const struct sandbox *sandbox)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		path_inside = config_path;
		if (sandbox)
			path_inside = sandbox_enter(sandbox);
		_exit(attempt());
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status;
}

static int
run(int (*attempt)(void), bool sandboxed)
{
	return run_in(attempt, sandboxed ? &sandboxes[SERVER] : NULL);
}

static int
try_execve(void)
{
	char *const none[] = { NULL };
	char *const argv[] = { (char *)"true", NULL };

	return outcome(execve("/bin/true", argv, none));
}

static int
try_execveat(void)
{
	char *const none[] = { NULL };
	char *const argv[] = { (char *)"true", NULL };

	return outcome(
	    syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, none, 0));
}

static int
try_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return outcome(child);
}

static int
try_write(void)
{
	return outcome(open(config_path, O_WRONLY));
}

static int
try_append(void)
{
	return outcome(open(other_path, O_RDWR | O_APPEND));
}

static int
try_create(void)
{
	return outcome(open(new_path, O_RDONLY | O_CREAT, 0600));
}

static int
try_truncate(void)
{
	return outcome(truncate(config_path, 0));
}

static int
try_unlink(void)
{
	return outcome(unlink(config_path));
}

static int
try_unlink_beside_the_socket(void)
{
	return outcome(unlink(other_path));
}

/* By a pointer of one's own: what it points to could be changed. */
static int
try_unlink_by_own_pointer(void)
{
	return outcome(unlink(socket_path));
}

static int
try_rename(void)
{
	return outcome(rename(config_path, new_path));
}

static int
try_mkdir(void)
{
	if (mkdir(new_path, 0700))
		return errno;
	return outcome(rmdir(new_path));
}

static int
try_chmod(void)
{
	return outcome(chmod(config_path, 0777));
}

static int
try_read_elsewhere(void)
{
	return outcome(open(other_path, O_RDONLY));
}

static int
try_list_elsewhere(void)
{
	return outcome(open(other_dir, O_RDONLY | O_DIRECTORY));
}

static int
try_ptrace(void)
{
	return outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
try_kill(void)
{
	return outcome(kill(getppid(), 0));
}

static int
try_tgkill(void)
{
	return outcome(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int
try_memfd(void)
{
	return outcome(memfd_create("code", 0));
}

static int
try_prlimit(void)
{
	struct rlimit limit;

	return outcome(prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit));
}

static int
try_keyctl(void)
{
	/* KEYCTL_GET_KEYRING_ID of the process's own. */
	return outcome(syscall(SYS_keyctl, 0, -2, 1));
}

static int
try_io_uring(void)
{
	char parameters[256] = { 0 };

	return outcome(syscall(SYS_io_uring_setup, 1, parameters));
}

static int
try_user_namespace(void)
{
	return outcome(unshare(CLONE_NEWUSER));
}

static int
try_mount(void)
{
	if (mount("none", other_dir, "tmpfs", 0, NULL))
		return errno;
	return outcome(umount(other_dir));
}

static int
try_chroot(void)
{
	return outcome(chroot(other_dir));
}

static int
try_setuid(void)
{
	return outcome(setuid(getuid()));
}

static int
try_raw_socket(void)
{
	return outcome(socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
}

static int
try_packet_socket(void)
{
	return outcome(socket(AF_PACKET, SOCK_RAW, 0));
}

static int
try_bpf(void)
{
	char attributes[72] = { 0 };

	/* BPF_MAP_CREATE of an array of one. */
	attributes[0] = 2;
	attributes[4] = attributes[8] = 4;
	attributes[12] = 1;
	return outcome(syscall(SYS_bpf, 0, attributes, sizeof(attributes)));
}

/* The target of the signals. */
static int
try_own_descriptor(void)
{
	return outcome(fcntl(STDIN_FILENO, F_SETOWN, getppid()));
}

static int
try_notify(void)
{
	int fd = open(config_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return outcome(fcntl(fd, F_NOTIFY, DN_MODIFY));
}

static int
try_userfaultfd(void)
{
	return outcome(syscall(SYS_userfaultfd, O_CLOEXEC));
}

static int
try_network_namespace(void)
{
	return outcome(unshare(CLONE_NEWNET));
}

static int
try_thread_in_a_namespace(void)
{
	/*
	 * A user keyring, which no thread gets, so that none is made outside.
	 */
	return outcome(syscall(SYS_clone,
	    CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWUSER, NULL, NULL,
	    NULL, NULL));
}

static int
try_setns(void)
{
	return outcome(setns(open("/proc/self/ns/net", O_RDONLY), 0));
}

static int
try_write_memory(void)
{
	static char from, to;
	struct iovec local = { &from, 1 }, remote = { &to, 1 };

	return outcome(process_vm_writev(getppid(), &local, 1, &remote, 1, 0));
}

static int
try_open_memory(void)
{
	return outcome(open("/proc/self/mem", O_RDWR));
}

static int
try_terminal_input(void)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);

	return outcome(ioctl(fd, TIOCSTI, "x"));
}

static int
try_kexec(void)
{
	/* With invalid flags, so that nothing happens outside. */
	return outcome(syscall(SYS_kexec_load, 0, 0, NULL, ~0UL));
}

static int
try_module(void)
{
	return outcome(syscall(SYS_init_module, NULL, 0, ""));
}

static int
try_pidfd(void)
{
	return outcome(syscall(SYS_pidfd_open, getppid(), 0));
}

static int
try_perf(void)
{
	char attributes[128] = { 0 };

	return outcome(syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0));
}

static int
try_netfilter_socket(void)
{
	return outcome(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
}

static int
try_read_neighbour(void)
{
	return outcome(open(neighbour_path, O_RDONLY));
}

static int
try_list_directory(void)
{
	return outcome(open(config_dir, O_RDONLY | O_DIRECTORY));
}

static int
try_read_settings(void)
{
	return outcome(open("/etc/passwd", O_RDONLY));
}

static int
try_map_code(void)
{
	void *page = mmap(
	    NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? errno : 0;
}

static int
try_map_file_code(void)
{
	int fd = open(path_inside, O_RDONLY);
	void *page = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	return page == MAP_FAILED ? errno : 0;
}

static int
try_make_code(void)
{
	void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return outcome(mprotect(page, 1, PROT_READ | PROT_EXEC));
}

static int
try_local_socket(void)
{
	return outcome(socket(AF_UNIX, SOCK_STREAM, 0));
}

/* A socket that could connect to another process. */
static int
try_socket_pair(void)
{
	int fds[2];

	return outcome(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
}

/*
 * A socket of the parent, which is not restricted, by a name that the kernel
 * chose.
 */
static struct sockaddr_un abstract = { .sun_family = AF_UNIX };
static socklen_t abstract_len;
static int abstract_fd;

static void
open_abstract(void)
{
	abstract_len = sizeof(abstract);
	abstract_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(abstract_fd, (struct sockaddr *)&abstract,
			     sizeof(sa_family_t)),
	    0);
	ck_assert_int_eq(getsockname(abstract_fd, (struct sockaddr *)&abstract,
			     &abstract_len),
	    0);
}

static void
close_abstract(void)
{
	close(abstract_fd);
}

static int
try_abstract_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return outcome(connect(fd, (struct sockaddr *)&abstract, abstract_len));
}

/* Another process may hold one of them, but not all. */
static int
try_own_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };

	for (unsigned port = 20000; port < 20100; port++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		address.sin_port = htons((uint16_t)port);
		if (!bind(fd, (struct sockaddr *)&address, sizeof(address)))
			return 0;
		if (errno != EADDRINUSE)
			return errno;
	}
	return EADDRINUSE;
}

static int
try_vsock(void)
{
	return outcome(socket(AF_VSOCK, SOCK_STREAM, 0));
}

#ifdef __x86_64__

/* getpid(2), which is allowed, by the numbers of other processors. */
static int
try_x32(void)
{
	return outcome(syscall(0x40000000 | SYS_getpid));
}

static int
try_32_bit(void)
{
	long result = 20;

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	return result < 0 ? (int)-result : 0;
}

#endif

static const struct {
	int (*attempt)(void);
	bool always; /* works outside of the sandbox, for root and others */
	long takes_landlock; /* the least version that has it; 0: none */
	unsigned modes;      /* in which it fails; 0: all */
} attempts[] = {
	{ try_execve, true, 0, 0 },
	{ try_execveat, true, 0, 0 },
	{ try_fork, true, 0, 0 },
	{ try_write, true, 0, 0 },
	{ try_append, true, 0, 0 },
	{ try_create, true, 0, 0 },
	{ try_truncate, true, 0, 0 },
	{ try_unlink, true, 0, 0 },
	{ try_unlink_beside_the_socket, true, 0, 0 },
	{ try_unlink_by_own_pointer, true, 0, 0 },
	{ try_rename, true, 0, 0 },
	{ try_mkdir, true, 0, 0 },
	{ try_chmod, true, 0, 0 },
	{ try_read_elsewhere, true, 1, 0 },
	{ try_list_elsewhere, true, 1, 0 },
	{ try_ptrace, true, 0, 0 },
	{ try_kill, true, 0, 0 },
	{ try_tgkill, true, 0, 0 },
	{ try_memfd, true, 0, 0 },
	{ try_prlimit, true, 0, 0 },
	{ try_setuid, true, 0, 0 },
	{ try_own_descriptor, true, 0, 0 },
	{ try_notify, true, 0, 0 },
	{ try_keyctl, false, 0, 0 },
	{ try_io_uring, false, 0, 0 },
	{ try_user_namespace, false, 0, 0 },
	{ try_mount, false, 0, 0 },
	{ try_chroot, false, 0, 0 },
	{ try_raw_socket, false, 0, 0 },
	{ try_packet_socket, false, 0, 0 },
	{ try_bpf, false, 0, 0 },
	{ try_userfaultfd, false, 0, 0 },
	{ try_network_namespace, false, 0, 0 },
	{ try_thread_in_a_namespace, false, 0, 0 },
	{ try_setns, false, 0, 0 },
	{ try_write_memory, false, 0, 0 },
	{ try_open_memory, true, 0, 0 },
	{ try_terminal_input, false, 0, 0 },
	{ try_kexec, false, 0, 0 },
	{ try_module, false, 0, 0 },
	{ try_pidfd, true, 0, 0 },
	{ try_perf, false, 0, 0 },
	{ try_netfilter_socket, true, 0, 0 },
	{ try_list_directory, true, 1, 0 },
	{ try_read_settings, true, 1, IN(SERVER) | IN(CLIENT) },
	{ try_map_code, true, 0, 0 },
	{ try_map_file_code, true, 0, 0 },
	{ try_make_code, true, 0, 0 },
	{ try_local_socket, true, 0, IN(SERVER) | IN(CLIENT) },
	{ try_socket_pair, true, 0, 0 },
	{ try_abstract_socket, true, 6, IN(CLIENT_WITH_NAME) },
	{ try_own_port, true, 4, IN(CLIENT) | IN(CLIENT_WITH_NAME) },
	{ try_vsock, false, 0, 0 },
};

#ifdef HAVE_LANDLOCK

/* For a process of its own. */
static int
has_landlock(void)
{
	return landlock_restrict(config_path, NULL, true, true) != NULL;
}

#endif

static long
landlock_version(void)
{
#ifdef SYS_landlock_create_ruleset
	/* LANDLOCK_CREATE_RULESET_VERSION, which a header may lack. */
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
#else
	return -1;
#endif
}

static void
assert_fails_in(int (*attempt)(void), enum mode mode)
{
	int inside;

	/*
	 * The attempt that worked may have removed a resource that this one
	 * needs.
	 */
	remove_files();
	open_files();
	inside = run_in(attempt, &sandboxes[mode]);
	ck_assert_msg(WIFEXITED(inside), "it was killed in mode %d", mode);
	ck_assert_msg(WEXITSTATUS(inside) == ENOSYS ||
		WEXITSTATUS(inside) == EACCES || WEXITSTATUS(inside) == EPERM,
	    "errno %d in mode %d", WEXITSTATUS(inside), mode);
}

START_TEST(what_is_not_needed_fails_inside_and_only_there)
{
	unsigned modes = attempts[_i].modes ? attempts[_i].modes : IN_ALL;
	int outside = run(attempts[_i].attempt, false);

	if (attempts[_i].always)
		ck_assert_int_eq(outside, 0);
	if (attempts[_i].takes_landlock > landlock_version())
		return;
	for (enum mode mode = 0; mode < MODES; mode++) {
		if (modes & IN(mode))
			assert_fails_in(attempts[_i].attempt, mode);
	}
}
END_TEST

/* Without the filter, which a build may lack. */
static int
read_settings_with_landlock(void)
{
	if (landlock_restrict(config_path, NULL, false, true))
		return EACCES;
	return try_read_settings();
}

START_TEST(landlock_alone_keeps_settings_from_being_read)
{
	ck_assert_int_eq(
	    WEXITSTATUS(run(read_settings_with_landlock, false)), EACCES);
}
END_TEST

static int
remove_socket(void)
{
	return outcome(unlink(sandbox_socket_path()));
}

START_TEST(the_status_socket_alone_can_be_removed)
{
	for (enum mode mode = 0; mode < MODES; mode++) {
		remove_files();
		open_files();
		ck_assert_int_eq(
		    WEXITSTATUS(run_in(remove_socket, &sandboxes[mode])), 0);
		ck_assert_int_ne(access(socket_path, F_OK), 0);
	}
}
END_TEST

static int
is_sealed(void)
{
	return path_inside != config_path;
}

START_TEST(no_other_file_of_its_directory_is_read_where_the_path_is_sealed)
{
	ck_assert_int_eq(run(try_read_neighbour, false), 0);
	for (enum mode mode = SERVER; mode <= CLIENT; mode++) {
		if (run_in(is_sealed, &sandboxes[mode]))
			assert_fails_in(try_read_neighbour, mode);
	}
}
END_TEST

/* The kernel must read the original path, and not a planted one. */
static int
change_path(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *start = (char *)((uintptr_t)path_inside & ~(page - 1));
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	char *other = mmap(NULL, page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return (mprotect(start, page, PROT_READ | PROT_WRITE) == 0) |
	    (madvise(start, page, MADV_DONTNEED) == 0) << 1 |
	    (mremap(start, page, 2 * page, MREMAP_MAYMOVE) != MAP_FAILED) << 2 |
	    (mmap(start, page, PROT_READ, flags, -1, 0) != MAP_FAILED) << 3 |
	    /* From below, where nothing is mapped. */
	    (mmap(start - page, 2 * page, PROT_READ, flags, -1, 0) !=
		MAP_FAILED)
	    << 4 |
	    (munmap(start - page, 2 * page) == 0) << 5 |
	    (mremap(other, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, start) !=
		MAP_FAILED)
	    << 6 |
	    (strcmp(path_inside, config_path) != 0) << 7;
}

START_TEST(a_sealed_path_is_there_for_good)
{
	if (run_in(is_sealed, &sandboxes[SERVER]))
		ck_assert_int_eq(run_in(change_path, &sandboxes[SERVER]), 0);
}
END_TEST

#ifdef __x86_64__

static int (*const foreign[])(void) = { try_x32, try_32_bit };

START_TEST(calls_by_the_numbers_of_another_processor_end_the_process)
{
	int status = run(foreign[_i], true);

	ck_assert_msg(WIFSIGNALED(status), "it ended with %x", status);
	/* The latter is from kernels without the calls. */
	ck_assert(WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV);
}
END_TEST

static void *
call_as_x32(void *argument)
{
	try_x32();
	return argument;
}

static int
try_x32_in_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, call_as_x32, NULL) == 0)
		pthread_join(thread, NULL);
	return 0;
}

/* Other threads would go on without it, and wait for its locks. */
START_TEST(no_thread_outlives_one_that_was_killed)
{
	int status = run(try_x32_in_a_thread, true);

	ck_assert_msg(WIFSIGNALED(status), "it ended with %x", status);
	ck_assert_int_eq(WTERMSIG(status), SIGSYS);
}
END_TEST

#endif

static void *
end_thread(void *argument)
{
	return argument;
}

static int
need_threads(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, end_thread, NULL);

	return error ? error : pthread_join(thread, NULL);
}

static int
need_names(void)
{
	struct addrinfo *list;

	return getaddrinfo("localhost", "80", NULL, &list) ? 1 : 0;
}

static int
need_interfaces(void)
{
	struct ifaddrs *list;

	return outcome(getifaddrs(&list));
}

static int
need_configuration(void)
{
	char text[6];
	int fd = open(path_inside, O_RDONLY);

	return read(fd, text, sizeof(text)) == 6 ? 0 : 1;
}

static int
need_sockets(void)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET };
	socklen_t len = sizeof(address);
	int listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int queued;

	if (listen(listen_fd, 1) ||
	    getsockname(listen_fd, (struct sockaddr *)&address, &len) ||
	    (connect(fd, (struct sockaddr *)&address, len) &&
		errno != EINPROGRESS))
		return errno;
	if (ioctl(fd, SIOCINQ, &queued) || ioctl(fd, SIOCOUTQ, &queued) ||
	    ioctl(fd, SIOCOUTQNSD, &queued))
		return errno;
	return outcome(accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC));
}

static int
need_pipes(void)
{
	int from[2], to[2];

	if (pipe2(from, O_CLOEXEC) || pipe2(to, O_CLOEXEC) ||
	    write(from[1], "x", 1) != 1)
		return errno;
	if (fcntl(to[1], F_SETPIPE_SZ, 16384) < 0 ||
	    fcntl(to[1], F_GETPIPE_SZ) != 16384)
		return errno;
	return splice(from[0], NULL, to[1], NULL, 1, 0) == 1 ? 0 : errno;
}

/* As modules of nsswitch.conf(5) do. */
static int
need_descriptors(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);

	if (fd < 0 || fcntl(fd, F_DUPFD, 10) < 0 ||
	    fcntl(fd, F_SETFD, fcntl(fd, F_GETFD)) < 0)
		return errno;
	return outcome(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL)));
}

static int
need_memory(void)
{
	char *small = malloc(100), *large = malloc(10 << 20);
	char *larger = realloc(large, 40 << 20);

	if (!small || !larger)
		return ENOMEM;
	memset(larger, 1, 40 << 20);
	free(larger);
	free(small);
	return 0;
}

static int
need_local_sockets(void)
{
	struct sockaddr_un address = { AF_UNIX, "/nonexistent" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	connect(fd, (struct sockaddr *)&address, sizeof(address));
	return errno == ENOENT ? 0 : errno;
}

/* As the client's sockets do: local_bind.h. */
static int
need_any_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return outcome(bind(fd, (struct sockaddr *)&address, sizeof(address)));
}

static const struct {
	int (*need)(void);
	unsigned modes;
} needs[] = {
	{ need_threads, IN_ALL },
	{ need_names, IN(CLIENT_WITH_NAME) },
	{ need_interfaces, IN_ALL },
	{ need_configuration, IN_ALL },
	{ need_sockets, IN_ALL },
	{ need_pipes, IN_ALL },
	{ need_descriptors, IN_ALL },
	{ need_memory, IN_ALL },
	{ need_local_sockets, IN(CLIENT_WITH_NAME) },
	{ try_own_port, IN(SERVER) },
	{ need_any_port, IN_ALL },
};

START_TEST(what_is_needed_works_inside)
{
	for (enum mode mode = 0; mode < MODES; mode++) {
		if (needs[_i].modes & IN(mode))
			ck_assert_int_eq(
			    run_in(needs[_i].need, &sandboxes[mode]), 0);
	}
}
END_TEST

/* As editors and package managers do. */
static int
need_new_configuration(void)
{
	/* raise(3) of musl uses tkill(2), which is forbidden inside. */
	syscall(SYS_tgkill, getpid(), getpid(), SIGSTOP);
	return need_configuration();
}

/* Returns when it is stopped, inside. */
static pid_t
start_inside(const struct sandbox *sandbox)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		path_inside = sandbox_enter(sandbox);
		_exit(need_new_configuration());
	}
	ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
	ck_assert(WIFSTOPPED(status));
	return child;
}

static void
assert_goes_on(pid_t child)
{
	int status;

	ck_assert_int_eq(kill(child, SIGCONT), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

START_TEST(a_configuration_that_was_replaced_can_be_read)
{
	pid_t child = start_inside(&sandboxes[_i]);

	make_file(new_path);
	ck_assert_int_eq(rename(new_path, config_path), 0);
	assert_goes_on(child);
}
END_TEST

/* Within the directory to which the link leads. */
START_TEST(a_configuration_that_is_a_link_can_be_replaced_too)
{
	pid_t child;

	ck_assert_int_eq(unlink(config_path), 0);
	ck_assert_int_eq(symlink(other_path, config_path), 0);
	child = start_inside(&sandboxes[_i]);
	make_file(new_path);
	ck_assert_int_eq(rename(new_path, other_path), 0);
	assert_goes_on(child);
}
END_TEST

static int
need_to_know_of_names(void)
{
	return sandbox_has_names();
}

START_TEST(it_is_known_whether_names_can_be_looked_up)
{
	ck_assert_int_ne(run(need_to_know_of_names, false), 0);
	ck_assert_int_ne(
	    run_in(need_to_know_of_names, &sandboxes[CLIENT_WITH_NAME]), 0);
	if (is_whole)
		ck_assert_int_eq(
		    run_in(need_to_know_of_names, &sandboxes[CLIENT]), 0);
}
END_TEST

static int
need_abort(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	abort();
}

START_TEST(a_bug_can_still_abort)
{
	int status = run(need_abort, true);

	ck_assert(WIFSIGNALED(status));
#ifdef __GLIBC__
	/* Other modules may lack a resource and crash. */
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
#endif
}
END_TEST

START_TEST(the_log_says_what_is_in_force)
{
	int fd = capture_pipe(4096);
	const char *line;

	run(need_threads, true);
	line = capture_untimed(capture_read(fd));
	ck_assert_ptr_eq(strstr(line, "info sandbox seccomp="), line);
#ifdef HAVE_LIBSECCOMP
	ck_assert_ptr_nonnull(strstr(line, " seccomp=on "));
#else
	ck_assert_ptr_nonnull(strstr(line, " seccomp=\"off: built without "));
#endif
#ifdef HAVE_LANDLOCK
	ck_assert_ptr_nonnull(strstr(line,
	    run(has_landlock, false) == 0 ? " landlock=on\n"
					  : " landlock=\"off: "));
#else
	ck_assert_ptr_nonnull(strstr(line, " landlock=\"off: built without "));
#endif
}
END_TEST

#if defined(HAVE_LIBSECCOMP) && defined(HAVE_LANDLOCK)

static const struct {
	int error; /* the errno of a filter that is older than the program */
	const char *reason; /* why Landlock is off, in part */
} absences[] = {
	{ EPERM, "a seccomp filter denies it" },
	{ EACCES, "a seccomp filter denies it" },
	{ ENOSYS, "or a seccomp filter" },
	{ EOPNOTSUPP, "lsm=" },
};

/* Returns 0 if the log says that Landlock is off for that reason. */
static int
ask_behind_a_filter(size_t number)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	const char *reason;

	if (!filter ||
	    seccomp_rule_add(filter,
		SCMP_ACT_ERRNO((uint32_t)absences[number].error),
		SCMP_SYS(landlock_create_ruleset), 0) ||
	    seccomp_load(filter))
		return 1;
	reason = landlock_restrict(config_path, NULL, false, true);
	return reason && strstr(reason, absences[number].reason) ? 0 : 2;
}

START_TEST(a_filter_that_denies_landlock_is_not_blamed_on_the_kernel)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(ask_behind_a_filter((size_t)_i));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

#endif

Suite *
suite(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *escape = tcase_create("escape");
	TCase *use = tcase_create("use");

	tcase_add_checked_fixture(escape, open_files, remove_files);
	tcase_add_checked_fixture(escape, open_abstract, close_abstract);
	if (is_whole)
		tcase_add_loop_test(escape,
		    what_is_not_needed_fails_inside_and_only_there, 0,
		    COUNT(attempts));
#if defined(HAVE_LIBSECCOMP) && defined(__x86_64__)
	tcase_add_loop_test(escape,
	    calls_by_the_numbers_of_another_processor_end_the_process, 0,
	    COUNT(foreign));
	tcase_add_test(escape, no_thread_outlives_one_that_was_killed);
#endif
	if (is_whole) {
		tcase_add_test(escape, the_status_socket_alone_can_be_removed);
		tcase_add_test(escape, a_sealed_path_is_there_for_good);
		tcase_add_test(escape,
		    no_other_file_of_its_directory_is_read_where_the_path_is_sealed);
	}
	tcase_add_test(escape, landlock_alone_keeps_settings_from_being_read);
	tcase_add_test(escape, the_log_says_what_is_in_force);
#if defined(HAVE_LIBSECCOMP) && defined(HAVE_LANDLOCK)
	tcase_add_loop_test(escape,
	    a_filter_that_denies_landlock_is_not_blamed_on_the_kernel, 0,
	    COUNT(absences));
#endif
	suite_add_tcase(suite, escape);

	tcase_add_checked_fixture(use, open_files, remove_files);
	tcase_add_loop_test(use, what_is_needed_works_inside, 0, COUNT(needs));
	tcase_add_loop_test(
	    use, a_configuration_that_was_replaced_can_be_read, 0, MODES);
	tcase_add_loop_test(
	    use, a_configuration_that_is_a_link_can_be_replaced_too, 0, MODES);
	tcase_add_test(use, it_is_known_whether_names_can_be_looked_up);
	tcase_add_test(use, a_bug_can_still_abort);
	suite_add_tcase(suite, use);
	return suite;
}
