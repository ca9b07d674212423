#ifndef PROCESS_HOST_FILE_H
#define PROCESS_HOST_FILE_H

/*
 * Small files in which the kernel describes the host and this process (proc(5),
 * cgroups(7)). Their paths are below root, which is "" except in tests.
 */

#include <stdbool.h>
#include <stddef.h>

/* The longest path. A file is read up to the length below. */
#define HOST_FILE_MAX_LEN 4096

/* Reads the file and adds a NUL; false if it cannot be read. */
bool host_file_read(
    const char *root, const char *path, char text[HOST_FILE_MAX_LEN]);

/*
 * Reads the number at the start of the file. False if there is none, as in
 * "max", or if it does not fit.
 */
bool host_file_number(const char *root, const char *path, size_t *number);

/*
 * Reads the number behind name, for example "MemTotal:", on the first line that
 * begins with name.
 */
bool host_file_field(const char *text, const char *name, size_t *number);

#endif
