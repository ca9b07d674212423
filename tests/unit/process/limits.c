#include "process/limits.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

#define SOME_USER 12345

/* The root of the host's files. A file exists only once it is written. */
static char root[64];
static struct limits limits;

static void
write_file(const char *path, const char *text)
{
	char full[512];
	FILE *file;

	sprintf(full, "%s%s", root, path);
	for (char *slash = full + strlen(root) + 1;
	     (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(full, 0700);
	}
	file = fopen(full, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void
set_descriptors(rlim_t count)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = count;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
open_root(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	strcpy(root, "/tmp/srcproxy-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	getrlimit(RLIMIT_NPROC, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NPROC, &limit);
	set_descriptors(1000);
}

static int
remove_one(
    const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

static void
close_root(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
check(size_t usual, size_t most, const char *by)
{
	limits_read(&limits, root);
	ck_assert_uint_eq(limits.usual.connections, usual);
	ck_assert_str_eq(limits.usual.by, by);
	ck_assert_uint_eq(limits.most.connections, most);
}

START_TEST(descriptors_are_for_sockets_and_an_eighth_for_pipes)
{
	/* 1,000 without a reserve of 32, and without 60 pipes. */
	check(424, 484, "ulimit -n");
	ck_assert_uint_eq(limits_pipes(&limits, 424), 60);
	ck_assert_uint_eq(limits_pipes(&limits, 100), 384);
	ck_assert_uint_eq(limits_pipes(&limits, 484), 0);
	ck_assert_uint_eq(limits_pipes(&limits, 100000), 0);
}
END_TEST

START_TEST(with_few_descriptors_half_is_a_reserve)
{
	set_descriptors(20);
	check(5, 5, "ulimit -n");
	set_descriptors(40);
	check(9, 10, "ulimit -n");
	set_descriptors(80);
	check(21, 24, "ulimit -n");
	set_descriptors(1000);
}
END_TEST

/* A third of threads and memory. */
static const struct {
	const char *path, *text;
	size_t usual, most;
	const char *by;
} files[] = {
	{ "/proc/sys/kernel/threads-max", "632\n", 100, 300,
	    "kernel.threads-max" },
	{ "/proc/sys/kernel/pid_max", "638\n", 101, 303, "kernel.pid_max" },
	/* A third of one limit, and all of another. */
	{ "/proc/sys/kernel/pid_max", "2000\n", 328, 484, "kernel.pid_max" },
	{ "/proc/sys/vm/max_map_count", "1432\n", 102, 102,
	    "vm.max_map_count" },
	/* In units of 80 KiB. */
	{ "/proc/meminfo",
	    "MemTotal:        99999 kB\nMemFree:         12 kB\n"
	    "MemAvailable:    24000 kB\n",
	    100, 300, "the host's memory" },
	{ "/proc/meminfo", "MemTotal:        24000 kB\nMemFree:    12 kB\n",
	    100, 300, "the host's memory" },
	{ "/proc/meminfo", "MemTotal:  99999999 kB\n", 424, 484, "ulimit -n" },
	/* A file that is unreadable, or holds no number, sets no limit. */
	{ "/proc/meminfo", "MemTotal:  none\n", 424, 484, "ulimit -n" },
	{ "/proc/sys/kernel/threads-max", "", 424, 484, "ulimit -n" },
	{ "/proc/sys/kernel/pid_max", "many\n", 424, 484, "ulimit -n" },
	{ "/proc/sys/kernel/pid_max", "4194304\n", 424, 484, "ulimit -n" },
	{ "/proc/sys/kernel/pid_max", "99999999999999999999\n", 424, 484,
	    "ulimit -n" },
	/* The limit is below the present use: allow one connection. */
	{ "/proc/sys/kernel/threads-max", "10\n", 1, 1, "kernel.threads-max" },
	{ "/proc/meminfo", "MemAvailable:  10 kB\n", 1, 1,
	    "the host's memory" },
};

START_TEST(the_least_limit_counts)
{
	write_file(files[_i].path, files[_i].text);
	check(files[_i].usual, files[_i].most, files[_i].by);
}
END_TEST

START_TEST(threads_that_are_there_already_count)
{
	write_file("/proc/loadavg", "0.49 1.05 1.31 1/90 10382\n");
	write_file("/proc/sys/kernel/threads-max", "722\n");
	check(100, 300, "kernel.threads-max");
}
END_TEST

/* Two instances get their numbers before either uses anything. */
START_TEST(two_instances_leave_others_a_third)
{
	write_file("/proc/loadavg", "0.49 1.05 1.31 1/200 10382\n");
	write_file("/proc/sys/kernel/pid_max", "1400\n");
	limits_read(&limits, root);
	ck_assert_uint_le(2 * 2 * limits.usual.connections, 800);
}
END_TEST

static const struct {
	const char *cgroup, *directory;
	bool is_bound;
} pids[] = {
	/* Version 2, its own cgroup and each parent. */
	{ "0::/a/b\n", "/sys/fs/cgroup/a/b", true },
	{ "0::/a/b\n", "/sys/fs/cgroup/a", true },
	{ "0::/a/b\n", "/sys/fs/cgroup", true },
	{ "0::/\n", "/sys/fs/cgroup", true },
	{ "0::/a/b\n", "/sys/fs/cgroup/c", false },
	/* Version 1, next to others and a version 2 without controllers. */
	{ "9:name=systemd:/\n8:cpu,pids:/a/b\n4:memory:/c\n0::/\n",
	    "/sys/fs/cgroup/pids/a/b", true },
	{ "8:pids:/a/b\n", "/sys/fs/cgroup/pids/a", true },
	{ "8:pids:/a/b\n", "/sys/fs/cgroup/pids", true },
	{ "8:pids:/a/b\n", "/sys/fs/cgroup/pids/c", false },
	{ "8:cpu:/a\n0::/a\n", "/sys/fs/cgroup/unified/a", true },
	/* In a cgroup namespace nothing above its root is visible. */
	{ "0::/../../b\n", "/sys/fs/cgroup", true },
	{ "", "/sys/fs/cgroup", false },
	{ "nonsense\n:\n::\n", "/sys/fs/cgroup/pids", false },
};

static void
write_in(const char *directory, const char *name, const char *text)
{
	char path[256];

	sprintf(path, "%s/%s", directory, name);
	write_file(path, text);
}

START_TEST(the_limit_of_a_cgroup_or_a_parent_counts)
{
	char path[256];

	write_file("/proc/self/cgroup", pids[_i].cgroup);
	write_in(pids[_i].directory, "pids.current", "8\n");
	write_in(pids[_i].directory, "pids.max", "max\n");
	check(424, 484, "ulimit -n");
	write_in(pids[_i].directory, "pids.max", "240\n");
	sprintf(path, "%s/pids.max", pids[_i].directory);
	if (pids[_i].is_bound)
		check(33, 100, path);
	else
		check(424, 484, "ulimit -n");
}
END_TEST

/* 24,000 KiB are available, unless a limit is lower. */
static const struct {
	const char *cgroup, *directory, *limit, *max, *usage, *current, *stat;
	size_t usual, most;
} memory[] = {
	{ "0::/a/b\n", "/sys/fs/cgroup/a/b", "memory.max", "26624000\n",
	    "memory.current", "2048000\n", "anon 12\n", 100, 300 },
	{ "0::/a/b\n", "/sys/fs/cgroup/a", "memory.high", "26624000\n",
	    "memory.current", "2048000\n", "", 100, 300 },
	{ "0::/\n", "/sys/fs/cgroup", "memory.max", "26624000\n",
	    "memory.current", "2048000\n", "", 100, 300 },
	{ "0::/a\n", "/sys/fs/cgroup/a", "memory.max", "max\n",
	    "memory.current", "2048000\n", "", 424, 484 },
	/* A full cgroup, except for file pages that the kernel may drop. */
	{ "0::/a\n", "/sys/fs/cgroup/a", "memory.max", "26624000\n",
	    "memory.current", "26624000\n",
	    "anon 2048000\nfile 24576000\ninactive_anon 2048000\n"
	    "inactive_file 20480000\nactive_file 4096000\n",
	    100, 300 },
	/* The numbers were read at different moments. */
	{ "0::/a\n", "/sys/fs/cgroup/a", "memory.max", "24576000\n",
	    "memory.current", "24576000\n",
	    "inactive_file 24576000\nactive_file 4096\n", 100, 300 },
	/* Version 1. */
	{ "4:memory:/a/b\n", "/sys/fs/cgroup/memory/a/b",
	    "memory.limit_in_bytes", "26624000\n", "memory.usage_in_bytes",
	    "6144000\n",
	    "cache 99\ninactive_file 1\n"
	    "hierarchical_memory_limit 9223372036854771712\n"
	    "total_cache 99\n"
	    "total_inactive_file 4000000\ntotal_active_file 96000\n",
	    100, 300 },
	{ "4:memory:/a/b\n", "/sys/fs/cgroup/memory", "memory.limit_in_bytes",
	    "26624000\n", "memory.usage_in_bytes", "2048000\n", "", 100, 300 },
	{ "4:memory:/a\n", "/sys/fs/cgroup/memory/a", "memory.limit_in_bytes",
	    "9223372036854771712\n", "memory.usage_in_bytes", "2048000\n", "",
	    424, 484 },
	/* An ancestor, invisible in the container, has a lower limit. */
	{ "4:memory:/\n", "/sys/fs/cgroup/memory", "memory.limit_in_bytes",
	    "9223372036854771712\n", "memory.usage_in_bytes", "2048000\n",
	    "cache 99\nhierarchical_memory_limit 26624000\n", 100, 300 },
	/* All of it is in use: allow one connection. */
	{ "0::/a\n", "/sys/fs/cgroup/a", "memory.max", "26624000\n",
	    "memory.current", "26999000\n", "", 1, 1 },
};

START_TEST(the_memory_of_a_cgroup_or_a_parent_counts)
{
	char path[256] = "ulimit -n";
	const char *directory = memory[_i].directory;

	write_file("/proc/self/cgroup", memory[_i].cgroup);
	write_in(directory, memory[_i].limit, memory[_i].max);
	write_in(directory, memory[_i].usage, memory[_i].current);
	write_in(directory, "memory.stat", memory[_i].stat);
	if (memory[_i].usual != 424)
		sprintf(path, "%s/%s", directory, memory[_i].limit);
	check(memory[_i].usual, memory[_i].most, path);
}
END_TEST

static void
write_process(const char *name, unsigned user, int threads)
{
	char path[64], text[128];

	sprintf(path, "/proc/%s/status", name);
	sprintf(
	    text, "Name:\tx\nUid:\t%u\t0\t0\t0\nThreads:\t%d\n", user, threads);
	write_file(path, text);
}

/*
 * getrlimit(2): root is exempt; other users share one limit for all their
 * processes.
 */
START_TEST(the_processes_of_a_user_count_unless_it_is_root)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NPROC, &limit);
	limit.rlim_cur = 632;
	ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
	if (getuid() == 0) {
		check(424, 484, "ulimit -n");
		ck_assert_int_eq(chmod(root, 0755), 0);
		ck_assert_int_eq(setresuid(SOME_USER, 0, 0), 0);
	}
	check(100, 300, "ulimit -u");
	write_process("2", getuid() + 1, 50);
	write_process("1", getuid(), 1);
	write_process("999", getuid(), 59);
	/* A link to a process, and no process itself. */
	write_process("self", getuid(), 50);
	check(90, 270, "ulimit -u");
}
END_TEST

START_TEST(the_descriptor_limit_is_raised_to_the_hard_one)
{
	struct rlimit limit;

	limits_raise_descriptors();
	getrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_uint_eq(limit.rlim_cur, limit.rlim_max);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("limits");
	TCase *host = tcase_create("host");

	tcase_add_checked_fixture(host, open_root, close_root);
	tcase_add_test(
	    host, descriptors_are_for_sockets_and_an_eighth_for_pipes);
	tcase_add_test(host, with_few_descriptors_half_is_a_reserve);
	tcase_add_loop_test(host, the_least_limit_counts, 0, COUNT(files));
	tcase_add_test(host, threads_that_are_there_already_count);
	tcase_add_test(host, two_instances_leave_others_a_third);
	tcase_add_loop_test(
	    host, the_limit_of_a_cgroup_or_a_parent_counts, 0, COUNT(pids));
	tcase_add_loop_test(
	    host, the_memory_of_a_cgroup_or_a_parent_counts, 0, COUNT(memory));
	tcase_add_test(host, the_processes_of_a_user_count_unless_it_is_root);
	tcase_add_test(host, the_descriptor_limit_is_raised_to_the_hard_one);
	suite_add_tcase(suite, host);
	return suite;
}
