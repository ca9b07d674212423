#ifndef BASE_DESCRIPTOR_H
#define BASE_DESCRIPTOR_H

/* The end of a function that returns a descriptor or a negative errno. */

#include <unistd.h>

/* error: 0, or why fd is of no use. Returns fd, or closes it for the error. */
static inline int
descriptor_or_error(int fd, int error)
{
	if (!error)
		return fd;
	close(fd);
	return error;
}

#endif
