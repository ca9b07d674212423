#ifndef CAPTURE_H
#define CAPTURE_H

/*
 * Takes the place of standard error, for tests of what is logged; the process
 * that Check makes for each test takes it along to its end. All descriptors
 * returned here are for reading.
 */

#include <stddef.h>

/* A pipe that holds that many bytes. */
int capture_pipe(int size);

/* A socket, in which each write stays apart from the next one. */
int capture_socket(void);

/*
 * Returns what is there now, without waiting: a text, "" for nothing; of a
 * socket, one write. It lasts until the next call.
 */
const char *capture_read(int fd);

/*
 * Fails the test unless the line starts with a time, "2026-01-31T12:00:00.000Z ".
 * Returns what stands behind it.
 */
const char *capture_untimed(const char *line);

#endif
