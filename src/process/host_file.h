#ifndef PROCESS_HOST_FILE_H
#define PROCESS_HOST_FILE_H

/*
 * The small files in which the kernel tells of the host and this process
 * (proc(5), cgroups(7)). They are below root, which is "" but for tests.
 */

#include <stdbool.h>
#include <stddef.h>

/* The longest path, and as much of a file as is read. */
#define HOST_FILE_MAX_LEN 4096

/* What is in the file, with a NUL behind it; false if it cannot be read. */
bool host_file_read(
    const char *root, const char *path, char text[HOST_FILE_MAX_LEN]);

/*
 * The number that it begins with. False if there is none, as in "max", or it
 * does not fit.
 */
bool host_file_number(const char *root, const char *path, size_t *number);

/* The number on the first line that begins with name, "MemTotal:", behind it. */
bool host_file_field(const char *text, const char *name, size_t *number);

#endif
