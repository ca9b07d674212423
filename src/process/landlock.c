#include "process/landlock.h"

#ifdef HAVE_LANDLOCK

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"

/* Each version adds rights in this order; the build's header may be older. */
#define VERSION_1_RIGHTS 13
#define VERSION_2_RIGHTS 14
#define VERSION_3_RIGHTS 15
#define VERSION_5_RIGHTS 16

/* Files are opened by name, so the right to list is not needed. */
#define READ_BY_NAME LANDLOCK_ACCESS_FS_READ_FILE

/* Definitions that an old header may lack altogether. */
#define VERSION_4 4
#define ACCESS_NET_BIND_TCP UINT64_C(1)
#define RULE_NET_PORT 2
#define VERSION_6 6
#define SCOPE_ABSTRACT_UNIX_SOCKET UINT64_C(1)
#define SCOPE_SIGNAL UINT64_C(2)

/* An older kernel accepts a longer struct if the new fields are 0. */
struct ruleset {
	uint64_t handled_access_fs, handled_access_net, scoped;
};

struct net_port {
	uint64_t allowed_access, port;
};

/*
 * Settings, the libraries of nsswitch.conf's modules, and the files that these
 * read (nscd, systemd-resolved, sssd). All of /run is readable, because the
 * target of the link resolv.conf is often created after srcproxy starts. All of
 * /etc is readable, because a rule applies to the present file of a path, not
 * to a file that replaces it. Sockets need no right.
 */
static const char *const readable[] = {
	"/etc",
	"/lib",
	"/lib64",
	"/run",
	"/usr/lib",
	"/usr/lib64",
	"/usr/local/lib",
	"/usr/share/zoneinfo",
	"/var/lib/sss/mc",
	"/var/run/nscd",
};

/* Files in /etc that are often links to other directories. */
static const char *const linked[] = {
	"/etc/hosts",
	"/etc/localtime",
	"/etc/nsswitch.conf",
	"/etc/resolv.conf",
};

static uint64_t
known_rights(long version)
{
	int count = version >= 5 ? VERSION_5_RIGHTS
	    : version >= 3       ? VERSION_3_RIGHTS
	    : version == 2       ? VERSION_2_RIGHTS
				 : VERSION_1_RIGHTS;

	return (UINT64_C(1) << count) - 1;
}

/* A path that is missing, or is no directory, needs no right. */
static void
allow_directory(int ruleset_fd, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = access,
		.parent_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};

	if (rule.parent_fd < 0)
		return;
	syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH,
	    &rule, 0);
	close(rule.parent_fd);
}

static void
allow_directory_of(int ruleset_fd, const char *path, uint64_t access)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (!slash)
		return allow_directory(ruleset_fd, ".", access);
	if (len == 0)
		return allow_directory(ruleset_fd, "/", access);
	if (len >= sizeof(directory))
		return;
	memcpy(directory, path, len);
	directory[len] = '\0';
	allow_directory(ruleset_fd, directory, access);
}

/* For a link: the right is for its present target. */
static void
allow_directory_of_target(int ruleset_fd, const char *path)
{
	char target[PATH_MAX];

	if (realpath(path, target))
		allow_directory_of(ruleset_fd, target, READ_BY_NAME);
}

static void
allow_names(int ruleset_fd)
{
	uint64_t access =
	    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

	for (size_t i = 0; i < COUNT(readable); i++)
		allow_directory(ruleset_fd, readable[i], access);
	for (size_t i = 0; i < COUNT(linked); i++)
		allow_directory_of_target(ruleset_fd, linked[i]);
}

/*
 * Allow port 0 only, where the kernel chooses: the program listens on no new
 * port.
 */
static void
allow_any_free_port(int ruleset_fd)
{
	struct net_port rule = { .allowed_access = ACCESS_NET_BIND_TCP };

	syscall(SYS_landlock_add_rule, ruleset_fd, RULE_NET_PORT, &rule, 0);
}

/*
 * TCP destinations are not restricted: a reload may change the port of the
 * server, and users connect to any port.
 */
static struct ruleset
ruleset_of(long version, bool binds_ports)
{
	struct ruleset ruleset = {
		.handled_access_fs = known_rights(version),
	};

	if (version >= VERSION_4 && !binds_ports)
		ruleset.handled_access_net = ACCESS_NET_BIND_TCP;
	if (version >= VERSION_6)
		ruleset.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
	return ruleset;
}

static const char *
enforce(int ruleset_fd)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_landlock_restrict_self, ruleset_fd, 0))
		return strerror(errno);
	return NULL;
}

/*
 * landlock_create_ruleset(2) has an error for each reason. EPERM comes from a
 * container's seccomp filter that denies the call. ENOSYS comes from a filter
 * that does not know the call, or from an old kernel.
 */
static const char *
explain_absence(int error)
{
	if (error == EOPNOTSUPP)
		return "the kernel has it, but does not use it: add landlock "
		       "to its lsm=";
	if (error != ENOSYS)
		return "a seccomp filter denies it (a container's?)";
	if (prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER)
		return "the kernel, or a seccomp filter (a container's?), "
		       "does not know it";
	return "the kernel does not have it";
}

const char *
landlock_restrict(const char *config_path, const char *removed_path, bool names,
    bool binds_ports)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset ruleset;
	const char *off;
	int ruleset_fd;

	if (version < 0)
		return explain_absence(errno);
	ruleset = ruleset_of(version, binds_ports);
	ruleset_fd = (int)syscall(
	    SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
	if (ruleset_fd < 0)
		return strerror(errno);
	if (names)
		allow_names(ruleset_fd);
	if (ruleset.handled_access_net)
		allow_any_free_port(ruleset_fd);
	allow_directory_of(ruleset_fd, config_path, READ_BY_NAME);
	allow_directory_of_target(ruleset_fd, config_path);
	if (removed_path)
		allow_directory_of(
		    ruleset_fd, removed_path, LANDLOCK_ACCESS_FS_REMOVE_FILE);
	off = enforce(ruleset_fd);
	close(ruleset_fd);
	return off;
}

#else

#include <stddef.h>

const char *
landlock_restrict(const char *config_path, const char *removed_path, bool names,
    bool binds_ports)
{
	(void)config_path;
	(void)removed_path;
	(void)names;
	(void)binds_ports;
	return "built without it";
}

#endif
