#include "kernel/sysctl.h"

#include <stdio.h>
#include <stdlib.h>

#define PATH_MAX_LEN 128
#define VALUE_MAX_LEN 32

bool
sysctl_read(const char *name, long *value)
{
	char path[PATH_MAX_LEN], text[VALUE_MAX_LEN] = "", *end;
	long number;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		*text = '\0';
	fclose(file);
	number = strtol(text, &end, 10);
	if (end == text)
		return false;
	*value = number;
	return true;
}

bool
sysctl_disables_ipv6(void)
{
	long off;

	/* This file is missing with ipv6.disable=1. */
	return !sysctl_read("ipv6/conf/lo/disable_ipv6", &off) || off;
}
