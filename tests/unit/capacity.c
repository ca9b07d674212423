#include "capacity.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

#define SOME_USER 12345

/* Where the files of the host are. Nothing is there until it is written. */
static char root[64];
static struct capacity capacity;

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
check(size_t connections, const char *bounded_by)
{
	capacity_read(&capacity, root);
	ck_assert_uint_eq(capacity.connections, connections);
	ck_assert_str_eq(capacity.bounded_by, bounded_by);
}

START_TEST(descriptors_are_for_sockets_and_an_eighth_for_pipes)
{
	/* 1,000 without a reserve of 32, and without 60 pipes. */
	check(424, "ulimit -n");
	ck_assert_uint_eq(capacity.most, 484);
	ck_assert_uint_eq(capacity_pipes(&capacity, 424), 60);
	ck_assert_uint_eq(capacity_pipes(&capacity, 100), 384);
	ck_assert_uint_eq(capacity_pipes(&capacity, 484), 0);
	ck_assert_uint_eq(capacity_pipes(&capacity, 100000), 0);
}
END_TEST

START_TEST(with_few_descriptors_half_is_a_reserve)
{
	set_descriptors(20);
	check(5, "ulimit -n");
	set_descriptors(1000);
}
END_TEST

static const struct {
	const char *path, *text;
	size_t connections;
	const char *bounded_by;
} files[] = {
	{ "/proc/sys/kernel/threads-max", "232\n", 100, "kernel.threads-max" },
	{ "/proc/sys/kernel/pid_max", "234\n", 101, "kernel.pid_max" },
	{ "/proc/sys/vm/max_map_count", "1432\n", 102, "vm.max_map_count" },
	/* What cannot be read, or is no number, is no limit. */
	{ "/proc/sys/kernel/threads-max", "", 424, "ulimit -n" },
	{ "/proc/sys/kernel/pid_max", "many\n", 424, "ulimit -n" },
	{ "/proc/sys/kernel/pid_max", "4194304\n", 424, "ulimit -n" },
	/* Less than what is there already: try it with one. */
	{ "/proc/sys/kernel/threads-max", "10\n", 1, "kernel.threads-max" },
};

START_TEST(the_least_limit_counts)
{
	write_file(files[_i].path, files[_i].text);
	check(files[_i].connections, files[_i].bounded_by);
}
END_TEST

START_TEST(threads_that_are_there_already_count)
{
	write_file("/proc/loadavg", "0.49 1.05 1.31 1/90 10382\n");
	write_file("/proc/sys/kernel/threads-max", "322\n");
	check(100, "kernel.threads-max");
}
END_TEST

static const struct {
	const char *cgroup, *directory, *max, *current;
	size_t connections;
} cgroups[] = {
	/* Version 2, its own cgroup and each parent. */
	{ "0::/a/b\n", "/sys/fs/cgroup/a/b", "100\n", "8\n", 30 },
	{ "0::/a/b\n", "/sys/fs/cgroup/a", "100\n", "8\n", 30 },
	{ "0::/a/b\n", "/sys/fs/cgroup", "100\n", "8\n", 30 },
	{ "0::/\n", "/sys/fs/cgroup", "100\n", "8\n", 30 },
	{ "0::/a/b\n", "/sys/fs/cgroup/a/b", "max\n", "8\n", 424 },
	{ "0::/a/b\n", "/sys/fs/cgroup/c", "100\n", "8\n", 424 },
	/* Version 1, next to others and a version 2 without controllers. */
	{ "9:name=systemd:/\n8:cpu,pids:/a/b\n4:memory:/c\n0::/\n",
	    "/sys/fs/cgroup/pids/a/b", "100\n", "8\n", 30 },
	{ "8:pids:/a/b\n", "/sys/fs/cgroup/pids/a", "100\n", "8\n", 30 },
	{ "8:pids:/a/b\n", "/sys/fs/cgroup/pids", "100\n", "8\n", 30 },
	{ "8:pids:/a/b\n", "/sys/fs/cgroup/pids/c", "100\n", "8\n", 424 },
	{ "8:cpu:/a\n0::/a\n", "/sys/fs/cgroup/unified/a", "100\n", "8\n", 30 },
	{ "", "/sys/fs/cgroup", "100\n", "8\n", 424 },
	{ "nonsense\n:\n::\n", "/sys/fs/cgroup/pids", "100\n", "8\n", 424 },
};

START_TEST(the_limit_of_a_cgroup_or_a_parent_counts)
{
	char path[256], bounded_by[256] = "ulimit -n";

	write_file("/proc/self/cgroup", cgroups[_i].cgroup);
	sprintf(path, "%s/pids.current", cgroups[_i].directory);
	write_file(path, cgroups[_i].current);
	sprintf(path, "%s/pids.max", cgroups[_i].directory);
	write_file(path, cgroups[_i].max);
	if (cgroups[_i].connections == 30)
		strcpy(bounded_by, path);
	check(cgroups[_i].connections, bounded_by);
}
END_TEST

static void
write_process(int number, unsigned user, int threads)
{
	char path[64], text[128];

	sprintf(path, "/proc/%d/status", number);
	sprintf(
	    text, "Name:\tx\nUid:\t%u\t0\t0\t0\nThreads:\t%d\n", user, threads);
	write_file(path, text);
}

/* getrlimit(2): root is exempt, whoever else has the limit for all of theirs. */
START_TEST(the_processes_of_a_user_count_unless_it_is_root)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NPROC, &limit);
	limit.rlim_cur = 232;
	ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
	if (getuid() == 0) {
		check(424, "ulimit -n");
		ck_assert_int_eq(chmod(root, 0755), 0);
		ck_assert_int_eq(setresuid(SOME_USER, 0, 0), 0);
	}
	check(100, "ulimit -u");
	write_process(1, getuid() + 1, 50);
	write_process(20, getuid(), 1);
	write_process(300, getuid(), 19);
	write_file("/proc/self/status", "Threads:\t50\n");
	check(90, "ulimit -u");
}
END_TEST

START_TEST(the_descriptor_limit_is_raised_to_the_hard_one)
{
	struct rlimit limit;

	capacity_raise_descriptors();
	getrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_uint_eq(limit.rlim_cur, limit.rlim_max);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("capacity");
	TCase *host = tcase_create("host");

	tcase_add_checked_fixture(host, open_root, close_root);
	tcase_add_test(
	    host, descriptors_are_for_sockets_and_an_eighth_for_pipes);
	tcase_add_test(host, with_few_descriptors_half_is_a_reserve);
	tcase_add_loop_test(host, the_least_limit_counts, 0, COUNT(files));
	tcase_add_test(host, threads_that_are_there_already_count);
	tcase_add_loop_test(
	    host, the_limit_of_a_cgroup_or_a_parent_counts, 0, COUNT(cgroups));
	tcase_add_test(host, the_processes_of_a_user_count_unless_it_is_root);
	tcase_add_test(host, the_descriptor_limit_is_raised_to_the_hard_one);
	suite_add_tcase(suite, host);
	return suite;
}
