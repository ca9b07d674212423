#include "landlock.h"

#ifdef HAVE_LANDLOCK

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Rights come in the order of these versions; a header may be older. */
#define VERSION_1_RIGHTS 13
#define VERSION_2_RIGHTS 14
#define VERSION_3_RIGHTS 15
#define VERSION_5_RIGHTS 16

/*
 * Settings, libraries that modules of nsswitch.conf are, and what those read
 * (nscd, systemd-resolved, sssd). All of /run, for where resolv.conf leads is
 * often made later than this starts. Sockets need no right.
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

/* What of /etc is often a link to somewhere else. */
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

/* What is not there, or is no directory, needs no permission. */
static void
allow_directory(int ruleset_fd, const char *path)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access =
		    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};

	if (rule.parent_fd < 0)
		return;
	syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH,
	    &rule, 0);
	close(rule.parent_fd);
}

static void
allow_directory_of(int ruleset_fd, const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (!slash)
		return allow_directory(ruleset_fd, ".");
	if (len == 0)
		return allow_directory(ruleset_fd, "/");
	if (len >= sizeof(directory))
		return;
	memcpy(directory, path, len);
	directory[len] = '\0';
	allow_directory(ruleset_fd, directory);
}

/* For a link: where it is now. */
static void
allow_directory_of_target(int ruleset_fd, const char *path)
{
	char target[PATH_MAX];

	if (realpath(path, target))
		allow_directory_of(ruleset_fd, target);
}

static const char *
enforce(int ruleset_fd)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_landlock_restrict_self, ruleset_fd, 0))
		return strerror(errno);
	return NULL;
}

const char *
landlock_restrict(const char *config_path)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr rules = { 0 };
	const char *off;
	int ruleset_fd;

	if (version < 1)
		return "the kernel does not have it";
	rules.handled_access_fs = known_rights(version);
	ruleset_fd =
	    (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (ruleset_fd < 0)
		return strerror(errno);
	for (size_t i = 0; i < COUNT(readable); i++)
		allow_directory(ruleset_fd, readable[i]);
	for (size_t i = 0; i < COUNT(linked); i++)
		allow_directory_of_target(ruleset_fd, linked[i]);
	allow_directory_of(ruleset_fd, config_path);
	allow_directory_of_target(ruleset_fd, config_path);
	off = enforce(ruleset_fd);
	close(ruleset_fd);
	return off;
}

#else

#include <stddef.h>

const char *
landlock_restrict(const char *config_path)
{
	(void)config_path;
	return "built without it";
}

#endif
