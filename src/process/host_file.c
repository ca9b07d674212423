#include "process/host_file.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
host_file_read(const char *root, const char *path, char text[HOST_FILE_MAX_LEN])
{
	char full[HOST_FILE_MAX_LEN];
	ssize_t len;
	int fd;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >=
	    (int)sizeof(full))
		return false;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, HOST_FILE_MAX_LEN - 1);
	close(fd);
	if (len < 0)
		return false;
	text[len] = '\0';
	return true;
}

/* A number larger than any size means that there is no limit. */
static bool
parse_number(const char *text, size_t *number)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (end == text || value > SIZE_MAX)
		return false;
	*number = (size_t)value;
	return true;
}

bool
host_file_number(const char *root, const char *path, size_t *number)
{
	char text[HOST_FILE_MAX_LEN];

	return host_file_read(root, path, text) && parse_number(text, number);
}

bool
host_file_field(const char *text, const char *name, size_t *number)
{
	size_t len = strlen(name);

	while (strncmp(text, name, len) != 0) {
		text = strchr(text, '\n');
		if (!text)
			return false;
		text++;
	}
	return parse_number(text + len, number);
}
