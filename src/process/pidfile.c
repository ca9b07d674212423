#include "process/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define NUMBER_MAX_LEN 16

static int pidfile_fd = -1;

/*
 * Only an empty file, or a file with a process id, is overwritten: the path may
 * name the configuration by mistake. Returns 0, or -EEXIST for any other file.
 */
static int
check_content(int fd)
{
	char text[NUMBER_MAX_LEN + 1];
	ssize_t len = pread(fd, text, NUMBER_MAX_LEN, 0);
	size_t digits;

	if (len < 0)
		return -errno;
	text[len] = '\0';
	digits = strspn(text, "0123456789");
	if (len == 0 ||
	    (len < NUMBER_MAX_LEN && digits > 0 &&
		digits + strspn(text + digits, "\n") == (size_t)len))
		return 0;
	return -EEXIST;
}

/* Returns a descriptor, or -EEXIST for a file that is no pidfile. */
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
	error = fcntl(fd, F_OFD_SETLK, &lock) ? -errno : check_content(fd);
	/* Only a plain file has a length. */
	if (!error && ftruncate(fd, 0))
		error = -errno;
	if (!error)
		return fd;
	close(fd);
	return error;
}

/* An init system may have removed the file just before the lock. */
static bool
is_removed(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && status.st_nlink == 0;
}

int
pidfile_open(const char *path)
{
	int fd = open_locked(path);

	while (fd >= 0 && is_removed(fd)) {
		close(fd);
		fd = open_locked(path);
	}
	if (fd == -EAGAIN)
		log_error("%s: another srcproxy holds it and is running; stop "
			  "that one first, or name another file with -p",
		    path);
	else if (fd == -EEXIST)
		log_error("%s: it holds something other than a process id and "
			  "was not overwritten; name another file with -p, or "
			  "remove this one",
		    path);
	else if (fd < 0)
		log_error("cannot make %s: %s", path, strerror(-fd));
	if (fd < 0)
		return -1;
	pidfile_fd = fd;
	return 0;
}

int
pidfile_write(void)
{
	char number[NUMBER_MAX_LEN];
	int len = snprintf(number, sizeof(number), "%ld\n", (long)getpid());

	if (pidfile_fd < 0 || write(pidfile_fd, number, (size_t)len) == len)
		return 0;
	log_error("cannot write the process id to the file of -p: %s",
	    strerror(errno));
	return -1;
}

void
pidfile_empty(void)
{
	if (pidfile_fd >= 0 && ftruncate(pidfile_fd, 0))
		log_warning("cannot empty the file of -p: %s", strerror(errno));
}
