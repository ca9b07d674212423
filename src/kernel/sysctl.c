#include "kernel/sysctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_LEN 128
#define VALUE_MAX_LEN 128

static bool
read_line(const char *name, char text[VALUE_MAX_LEN])
{
	char path[PATH_MAX_LEN];
	FILE *file;
	bool is_read;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	file = fopen(path, "re");
	if (!file)
		return false;
	is_read = fgets(text, VALUE_MAX_LEN, file) != NULL;
	fclose(file);
	return is_read;
}

static bool
parse_number(const char *text, long *value)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (end == text)
		return false;
	*value = number;
	return true;
}

bool
sysctl_read(const char *name, long *value)
{
	char text[VALUE_MAX_LEN];

	return read_line(name, text) && parse_number(text, value);
}

bool
sysctl_read_last(const char *name, long *value)
{
	char text[VALUE_MAX_LEN];
	const char *tab;

	if (!read_line(name, text))
		return false;
	tab = strrchr(text, '\t');
	return parse_number(tab ? tab : text, value);
}

bool
sysctl_disables_ipv6(void)
{
	long off;

	/* This file is missing with ipv6.disable=1. */
	return !sysctl_read("ipv6/conf/lo/disable_ipv6", &off) || off;
}
