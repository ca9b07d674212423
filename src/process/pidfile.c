#include "process/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/descriptor.h"
#include "base/log.h"

#define NUMBER_MAX_LEN 16

static int pidfile_fd = -1;
static int inherited_fd = -1;

/* Scripts write "   123" (wc and printf) and "123\r\n", too. */
static const char blanks[] = " \t\r\n";

#define NOT_REGULAR "this is not a regular file; name a regular file with -p"

static const struct {
	int error;
	const char *reason;
} reasons[] = {
	{ EAGAIN,
	    "another srcproxy holds it and is running; stop that one first, "
	    "or name another file with -p" },
	{ EEXIST,
	    "it holds something other than a process id and was not "
	    "overwritten; name another file with -p, or remove this one" },
	{ EISDIR, NOT_REGULAR },
	{ ENXIO, NOT_REGULAR },
	{ ELOOP,
	    "symbolic links are not followed there; name the file itself with "
	    "-p" },
};

/*
 * Only an empty file, or a file with a process id, is overwritten: the path may
 * name the configuration by mistake. Returns 0, or -EEXIST for any other file.
 */
static int
check_content(int fd)
{
	char text[NUMBER_MAX_LEN + 1];
	ssize_t len = pread(fd, text, NUMBER_MAX_LEN, 0);
	size_t before, digits, after;

	if (len < 0)
		return -errno;
	text[len] = '\0';
	before = strspn(text, blanks);
	digits = strspn(text + before, "0123456789");
	after = strspn(text + before + digits, blanks);
	if (len == 0 ||
	    (len < NUMBER_MAX_LEN && digits > 0 &&
		before + digits + after == (size_t)len))
		return 0;
	return -EEXIST;
}

/* A pipe or a device: open(2) itself refuses sockets like this. */
static int
check_kind(int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	return S_ISREG(status.st_mode) ? 0 : -ENXIO;
}

/* Returns a descriptor, or a negative errno: see the reasons above. */
static int
open_locked(const char *path)
{
	/*
	 * O_NOFOLLOW: a link in a user's directory must not lead to a file of
	 * root's.
	 */
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	/*
	 * A write lock needs a descriptor open for writing, so a user who may
	 * only read the file cannot take the lock.
	 */
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int error;

	if (fd < 0)
		return -errno;
	error = check_kind(fd);
	if (!error)
		error =
		    fcntl(fd, F_OFD_SETLK, &lock) ? -errno : check_content(fd);
	if (!error && ftruncate(fd, 0))
		error = -errno;
	return descriptor_or_error(fd, error);
}

/* An init system may have removed the file just before the lock. */
static bool
is_removed(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_nlink == 0;
}

static void
report(const char *path, int error)
{
	for (size_t i = 0; i < COUNT(reasons); i++) {
		if (reasons[i].error == error) {
			log_error("%s: %s", path, reasons[i].reason);
			return;
		}
	}
	log_error("cannot make %s: %s; name a file with -p in a folder that "
		  "exists and that srcproxy may write to",
	    path, strerror(error));
}

void
pidfile_inherit(int fd)
{
	inherited_fd = fd;
}

bool
pidfile_is_inherited(void)
{
	return inherited_fd >= 0 && inherited_fd == pidfile_fd;
}

int
pidfile_descriptor(void)
{
	return pidfile_fd;
}

void
pidfile_forget(void)
{
	pidfile_fd = -1;
}

static bool
is_same_file(int fd, const char *path)
{
	struct stat ours, theirs;

	return fd >= 0 && fstat(fd, &ours) == 0 && lstat(path, &theirs) == 0 &&
	    ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

int
pidfile_open(const char *path)
{
	int fd;

	if (is_same_file(inherited_fd, path)) {
		pidfile_fd = inherited_fd;
		return 0;
	}
	if (!*path) {
		log_error("-p: the name of the file is empty; name a file, "
			  "such as /run/srcproxy.pid, or leave -p out");
		return -1;
	}
	fd = open_locked(path);
	while (fd >= 0 && is_removed(fd)) {
		close(fd);
		fd = open_locked(path);
	}
	if (fd < 0) {
		report(path, -fd);
		return -1;
	}
	pidfile_fd = fd;
	return 0;
}

/* Its lock lasts as long as anybody has it open. */
static void
forget_inherited(void)
{
	if (inherited_fd >= 0 && inherited_fd != pidfile_fd)
		close(inherited_fd);
	inherited_fd = -1;
}

int
pidfile_write(void)
{
	char number[NUMBER_MAX_LEN];
	int len = snprintf(number, sizeof(number), "%ld\n", (long)getpid());

	forget_inherited();
	/*
	 * Never empty in between: an inherited file has the number of the
	 * other process, and shares its position.
	 */
	if (pidfile_fd < 0 ||
	    (lseek(pidfile_fd, 0, SEEK_SET) == 0 &&
		write(pidfile_fd, number, (size_t)len) == len &&
		ftruncate(pidfile_fd, len) == 0))
		return 0;
	log_error("cannot write the process id to the file of -p: %s",
	    strerror(errno));
	return -1;
}

void
pidfile_empty(void)
{
	if (pidfile_fd >= 0 && !pidfile_is_inherited() &&
	    ftruncate(pidfile_fd, 0))
		log_warning("cannot empty the file of -p: %s", strerror(errno));
}
