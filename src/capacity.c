#include "capacity.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONNECTION_DESCRIPTORS 2
#define CONNECTION_THREADS 2
#define CONNECTION_MAPS 4 /* a stack and its guard for each thread */

/* Log, listeners, the resolver, the configuration when it is read again. */
#define RESERVE_DESCRIPTORS 32
/* main(), acceptors, threads between two tasks, and what others begin. */
#define RESERVE_THREADS 32
/* Libraries and memory. */
#define RESERVE_MAPS 1024

/*
 * One eighth of the descriptors is for pipes. Past 1,024 pipes of 64 KiB a
 * user has small ones only (pipe(7), pipe-user-pages-soft).
 */
#define PIPE_DESCRIPTORS 2
#define PIPES_SHARE 8
#define PIPES_ENOUGH 1024

/* The longest path that is looked at, and the longest file. */
#define TEXT_MAX_LEN 4096

void
capacity_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool
read_text(const char *root, const char *path, char *text)
{
	char full[TEXT_MAX_LEN];
	ssize_t len;
	int fd;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >=
	    (int)sizeof(full))
		return false;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, TEXT_MAX_LEN - 1);
	close(fd);
	if (len < 0)
		return false;
	text[len] = '\0';
	return true;
}

/* False as well for "max", which is none. */
static bool
read_number(const char *root, const char *path, size_t *number)
{
	char text[TEXT_MAX_LEN], *end;
	unsigned long long value;

	if (!read_text(root, path, text))
		return false;
	value = strtoull(text, &end, 10);
	if (end == text || value > SIZE_MAX)
		return false;
	*number = (size_t)value;
	return true;
}

static size_t
share(size_t total, size_t used, size_t cost)
{
	return total > used ? (total - used) / cost : 0;
}

static void
lower(struct capacity *capacity, size_t connections, const char *name)
{
	if (connections >= capacity->most)
		return;
	capacity->most = connections;
	snprintf(
	    capacity->bounded_by, sizeof(capacity->bounded_by), "%.255s", name);
}

static void
read_descriptors(struct capacity *capacity)
{
	struct rlimit limit = { .rlim_cur = 0 };
	size_t reserve = RESERVE_DESCRIPTORS;

	getrlimit(RLIMIT_NOFILE, &limit);
	/* With few of them, half is for the rest of the program. */
	if (reserve > limit.rlim_cur / 2)
		reserve = limit.rlim_cur / 2;
	capacity->descriptors = limit.rlim_cur - reserve;
	lower(capacity, capacity->descriptors / CONNECTION_DESCRIPTORS,
	    "ulimit -n");
}

/* proc(5), status: what follows that name, which is a line's first word. */
static size_t
status_number(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? strtoul(line + strlen(name), NULL, 10) : 0;
}

/* If that process is of that user, by its real id, which is what counts. */
static size_t
threads_of_process(const char *root, const char *process, uid_t user)
{
	char path[TEXT_MAX_LEN], text[TEXT_MAX_LEN];

	snprintf(path, sizeof(path), "/proc/%s/status", process);
	if (!read_text(root, path, text) ||
	    status_number(text, "\nUid:\t") != user)
		return 0;
	return status_number(text, "\nThreads:\t");
}

static size_t
threads_of_user(const char *root, uid_t user)
{
	char path[TEXT_MAX_LEN];
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

/* Of getrlimit(2)'s RLIMIT_NPROC, from which root is exempt. */
static void
read_processes(struct capacity *capacity, const char *root)
{
	uid_t user = getuid();
	struct rlimit limit;

	if (user == 0 || getrlimit(RLIMIT_NPROC, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return;
	lower(capacity,
	    share(limit.rlim_cur, threads_of_user(root, user) + RESERVE_THREADS,
		CONNECTION_THREADS),
	    "ulimit -u");
}

/* proc(5), loadavg: the fourth field is threads that run / that there are. */
static size_t
count_threads(const char *root)
{
	char text[TEXT_MAX_LEN];
	const char *slash;

	if (!read_text(root, "/proc/loadavg", text))
		return 0;
	slash = strchr(text, '/');
	return slash ? strtoul(slash + 1, NULL, 10) : 0;
}

static void
read_kernel(struct capacity *capacity, const char *root)
{
	size_t used = count_threads(root) + RESERVE_THREADS;
	size_t max;

	if (read_number(root, "/proc/sys/kernel/threads-max", &max))
		lower(capacity, share(max, used, CONNECTION_THREADS),
		    "kernel.threads-max");
	if (read_number(root, "/proc/sys/kernel/pid_max", &max))
		lower(capacity, share(max, used, CONNECTION_THREADS),
		    "kernel.pid_max");
	if (read_number(root, "/proc/sys/vm/max_map_count", &max))
		lower(capacity, share(max, RESERVE_MAPS, CONNECTION_MAPS),
		    "vm.max_map_count");
}

/* One cgroup's own limit; threads count, not processes. */
static void
read_cgroup(struct capacity *capacity, const char *root, const char *directory)
{
	char path[TEXT_MAX_LEN + 16];
	size_t max, current = 0;

	snprintf(path, sizeof(path), "%s/pids.current", directory);
	read_number(root, path, &current);
	snprintf(path, sizeof(path), "%s/pids.max", directory);
	if (read_number(root, path, &max))
		lower(capacity,
		    share(max, current + RESERVE_THREADS, CONNECTION_THREADS),
		    path);
}

/*
 * A parent's limit binds all below it. In a container the path may be one of
 * the host's, which is not there: then the mount itself is the container's.
 */
static void
read_cgroup_path(struct capacity *capacity, const char *root, const char *mount,
    const char *path)
{
	char directory[TEXT_MAX_LEN];
	size_t mount_len = strlen(mount);
	char *slash;

	if (snprintf(directory, sizeof(directory), "%s%s", mount, path) >=
	    (int)sizeof(directory))
		return;
	do {
		slash = strrchr(directory + mount_len, '/');
		if (!slash || slash[1])
			read_cgroup(capacity, root, directory);
		if (slash)
			*slash = '\0';
	} while (slash);
}

static bool
has_pids(const char *controllers)
{
	char copy[256], *rest, *name;

	snprintf(copy, sizeof(copy), "%s", controllers);
	for (name = strtok_r(copy, ",", &rest); name;
	     name = strtok_r(NULL, ",", &rest)) {
		if (!strcmp(name, "pids"))
			return true;
	}
	return false;
}

/* cgroups(7): "ID:CONTROLLERS:PATH", of version 2 with "0::". */
static void
read_cgroup_line(struct capacity *capacity, const char *root, char *line)
{
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!path)
		return;
	*path++ = '\0';
	controllers++;
	if (has_pids(controllers)) {
		read_cgroup_path(capacity, root, "/sys/fs/cgroup/pids", path);
	} else if (!*controllers) {
		read_cgroup_path(capacity, root, "/sys/fs/cgroup", path);
		read_cgroup_path(
		    capacity, root, "/sys/fs/cgroup/unified", path);
	}
}

static void
read_cgroups(struct capacity *capacity, const char *root)
{
	char text[TEXT_MAX_LEN], *rest, *line;

	if (!read_text(root, "/proc/self/cgroup", text))
		return;
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		read_cgroup_line(capacity, root, line);
}

void
capacity_read(struct capacity *capacity, const char *root)
{
	size_t pipes, beside_pipes;

	capacity->most = SIZE_MAX;
	read_descriptors(capacity);
	read_processes(capacity, root);
	read_kernel(capacity, root);
	read_cgroups(capacity, root);
	if (capacity->most == 0)
		capacity->most = 1;
	pipes = capacity->descriptors / PIPES_SHARE / PIPE_DESCRIPTORS;
	if (pipes > PIPES_ENOUGH)
		pipes = PIPES_ENOUGH;
	beside_pipes = share(capacity->descriptors, pipes * PIPE_DESCRIPTORS,
	    CONNECTION_DESCRIPTORS);
	capacity->connections = capacity->most;
	if (beside_pipes > 0 && beside_pipes < capacity->most) {
		capacity->connections = beside_pipes;
		strcpy(capacity->bounded_by, "ulimit -n");
	}
}

size_t
capacity_pipes(const struct capacity *capacity, size_t connections)
{
	return share(capacity->descriptors,
	    connections * CONNECTION_DESCRIPTORS, PIPE_DESCRIPTORS);
}
