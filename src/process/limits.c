#include "process/limits.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/array.h"
#include "process/cgroup.h"
#include "process/host_file.h"

#define CONNECTION_DESCRIPTORS 2
#define CONNECTION_THREADS 2
#define CONNECTION_MAPS 4 /* a stack and its guard for each thread */
/* An idle connection takes 73 (measured), nearly all of it for its threads. */
#define CONNECTION_KIB 80

/*
 * Reserve for the log, listeners, the resolver and a reload of the
 * configuration.
 */
#define RESERVE_DESCRIPTORS 32
/*
 * Reserve for main(), acceptors, parked threads, and threads that libraries
 * start.
 */
#define RESERVE_THREADS 32
/* Reserve for libraries and heap. */
#define RESERVE_MAPS 1024

/*
 * The share of the threads and memory free at start, unless max_connections
 * says otherwise: 1/3, so that two instances leave 1/3 to others. The rest of
 * the memory is for data in flight, which sockets hold.
 */
#define SHARED_PARTS 3
#define OWN_PARTS 1

/*
 * One eighth of the descriptors is for pipes. Past 1,024 pipes of 64 KiB a
 * user has small ones only (pipe(7), pipe-user-pages-soft).
 */
#define PIPE_DESCRIPTORS 2
#define PIPES_SHARE 8
#define PIPES_ENOUGH 1024

/* The context of cgroup_visit_all(). */
struct reading {
	struct limits *limits;
	const char *root;
};

static rlim_t at_exec;

void
limits_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	at_exec = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

size_t
limits_descriptors_at_exec(void)
{
	return at_exec;
}

static size_t
share(size_t total, size_t used, size_t cost)
{
	return total > used ? (total - used) / cost : 0;
}

static void
lower(struct limits_bound *bound, size_t connections, const char *name)
{
	if (connections >= bound->connections)
		return;
	bound->connections = connections;
	snprintf(bound->by, sizeof(bound->by), "%.255s", name);
}

/* There is room for this many; usually one of the parts is for this process. */
static void
lower_both(struct limits *limits, size_t room, size_t parts, const char *name)
{
	lower(&limits->most, room, name);
	lower(&limits->usual, room / parts, name);
}

static void
read_descriptors(struct limits *limits)
{
	struct rlimit limit = { .rlim_cur = 0 };
	size_t reserve = RESERVE_DESCRIPTORS;
	size_t pipes;

	getrlimit(RLIMIT_NOFILE, &limit);
	/* If there are few, the rest of the program gets half. */
	if (reserve > limit.rlim_cur / 2)
		reserve = limit.rlim_cur / 2;
	limits->descriptors = limit.rlim_cur - reserve;
	pipes = limits->descriptors / PIPES_SHARE / PIPE_DESCRIPTORS;
	if (pipes > PIPES_ENOUGH)
		pipes = PIPES_ENOUGH;
	lower(&limits->most, limits->descriptors / CONNECTION_DESCRIPTORS,
	    "ulimit -n");
	lower(&limits->usual,
	    share(limits->descriptors, pipes * PIPE_DESCRIPTORS,
		CONNECTION_DESCRIPTORS),
	    "ulimit -n");
}

/*
 * True if the process belongs to the user, by its real id, which the limit
 * counts.
 */
static size_t
threads_of_process(const char *root, const char *process, uid_t user)
{
	char path[HOST_FILE_MAX_LEN], text[HOST_FILE_MAX_LEN];
	size_t owner, threads;

	snprintf(path, sizeof(path), "/proc/%s/status", process);
	if (!host_file_read(root, path, text) ||
	    !host_file_field(text, "Uid:", &owner) || owner != user ||
	    !host_file_field(text, "Threads:", &threads))
		return 0;
	return threads;
}

static size_t
threads_of_user(const char *root, uid_t user)
{
	char path[HOST_FILE_MAX_LEN];
	size_t count = 0;
	DIR *processes;
	struct dirent *entry;

	snprintf(path, sizeof(path), "%s/proc", root);
	processes = opendir(path);
	if (!processes)
		return 0;
	while ((entry = readdir(processes)))
		if (*entry->d_name >= '1' && *entry->d_name <= '9')
			count += threads_of_process(root, entry->d_name, user);
	closedir(processes);
	return count;
}

static void
limit_threads(struct limits *limits, size_t max, size_t used, const char *name)
{
	lower_both(limits,
	    share(max, used + RESERVE_THREADS, CONNECTION_THREADS),
	    SHARED_PARTS, name);
}

/* RLIMIT_NPROC of getrlimit(2); root is exempt. */
static void
read_processes(struct limits *limits, const char *root)
{
	uid_t user = getuid();
	struct rlimit limit;

	if (user == 0 || getrlimit(RLIMIT_NPROC, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return;
	limit_threads(
	    limits, limit.rlim_cur, threads_of_user(root, user), "ulimit -u");
}

/* proc(5), loadavg: the fourth field is running threads / all threads. */
static size_t
count_threads(const char *root)
{
	char text[HOST_FILE_MAX_LEN];
	const char *slash;

	if (!host_file_read(root, "/proc/loadavg", text))
		return 0;
	slash = strchr(text, '/');
	return slash ? strtoul(slash + 1, NULL, 10) : 0;
}

static void
read_kernel(struct limits *limits, const char *root)
{
	size_t used = count_threads(root);
	size_t max;

	if (host_file_number(root, "/proc/sys/kernel/threads-max", &max))
		limit_threads(limits, max, used, "kernel.threads-max");
	if (host_file_number(root, "/proc/sys/kernel/pid_max", &max))
		limit_threads(limits, max, used, "kernel.pid_max");
	if (host_file_number(root, "/proc/sys/vm/max_map_count", &max))
		lower_both(limits, share(max, RESERVE_MAPS, CONNECTION_MAPS),
		    OWN_PARTS, "vm.max_map_count");
}

/* One cgroup's own limit; threads count, not processes. */
static void
read_pids(void *context, const char *directory)
{
	const struct reading *reading = context;
	char path[HOST_FILE_MAX_LEN];
	size_t max, current = 0;

	snprintf(path, sizeof(path), "%s/pids.current", directory);
	host_file_number(reading->root, path, &current);
	snprintf(path, sizeof(path), "%s/pids.max", directory);
	if (host_file_number(reading->root, path, &max))
		limit_threads(reading->limits, max, current, path);
}

static void
limit_memory(struct limits *limits, size_t max, size_t used, const char *name)
{
	lower_both(
	    limits, share(max, used, CONNECTION_KIB), SHARED_PARTS, name);
}

/*
 * Files of version 2, then of version 1. At memory.high the kernel only slows
 * the program down.
 */
static const struct {
	const char *limit, *usage;
	const char *cache[2]; /* in memory.stat: droppable memory */
} memory_files[] = {
	{ "memory.max", "memory.current",
	    { "inactive_file ", "active_file " } },
	{ "memory.high", "memory.current",
	    { "inactive_file ", "active_file " } },
	{ "memory.limit_in_bytes", "memory.usage_in_bytes",
	    { "total_inactive_file ", "total_active_file " } },
};

/*
 * One cgroup's own limit; in version 1 also that of ancestors that are not
 * visible.
 */
static void
read_memory_limit(
    const struct reading *reading, const char *directory, size_t i)
{
	char path[HOST_FILE_MAX_LEN], stat[HOST_FILE_MAX_LEN] = "";
	size_t max, above, cache, used = 0;

	snprintf(path, sizeof(path), "%s/memory.stat", directory);
	host_file_read(reading->root, path, stat);
	snprintf(path, sizeof(path), "%s/%s", directory, memory_files[i].usage);
	host_file_number(reading->root, path, &used);
	for (size_t j = 0; j < 2; j++) {
		if (host_file_field(stat, memory_files[i].cache[j], &cache))
			used -= cache < used ? cache : used;
	}
	snprintf(path, sizeof(path), "%s/%s", directory, memory_files[i].limit);
	if (!host_file_number(reading->root, path, &max))
		return;
	if (host_file_field(stat, "hierarchical_memory_limit ", &above) &&
	    above < max)
		max = above;
	limit_memory(reading->limits, max / 1024, used / 1024, path);
}

static void
read_memory(void *context, const char *directory)
{
	size_t count = COUNT(memory_files);

	for (size_t i = 0; i < count; i++)
		read_memory_limit(context, directory, i);
}

/* Old kernels do not report available memory; use the total. */
static void
read_host_memory(struct limits *limits, const char *root)
{
	char text[HOST_FILE_MAX_LEN];
	size_t kib;

	if (host_file_read(root, "/proc/meminfo", text) &&
	    (host_file_field(text, "MemAvailable:", &kib) ||
		host_file_field(text, "MemTotal:", &kib)))
		limit_memory(limits, kib, 0, "the host's memory");
}

void
limits_read(struct limits *limits, const char *root)
{
	struct reading reading = { limits, root };

	limits->most.connections = SIZE_MAX;
	limits->usual.connections = SIZE_MAX;
	read_descriptors(limits);
	read_processes(limits, root);
	read_kernel(limits, root);
	cgroup_visit_all(root, "pids", read_pids, &reading);
	cgroup_visit_all(root, "memory", read_memory, &reading);
	read_host_memory(limits, root);
	/* Allow at least one, whatever the limits say. */
	if (limits->most.connections == 0)
		limits->most.connections = 1;
	if (limits->usual.connections == 0)
		limits->usual.connections = 1;
}

size_t
limits_pipes(const struct limits *limits, size_t connections)
{
	return share(limits->descriptors, connections * CONNECTION_DESCRIPTORS,
	    PIPE_DESCRIPTORS);
}
