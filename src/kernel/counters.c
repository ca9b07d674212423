#include "kernel/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 8192

static bool
parse(const char *text, uint64_t *value)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (end == text)
		return false;
	*value = number;
	return true;
}

/* "TcpExt: A B", "TcpExt: 1 2". */
bool
counters_find(
    const char *names, const char *values, const char *name, uint64_t *value)
{
	size_t kind_len = strcspn(name, " ");
	const char *wanted = name + kind_len + 1;

	if (strncmp(names, name, kind_len) != 0 || names[kind_len] != ':')
		return false;
	while (*names && *values) {
		size_t len = strcspn(names, " \n");

		if (len == strlen(wanted) && !memcmp(names, wanted, len))
			return parse(values, value);
		names += len;
		names += *names != '\0';
		values += strcspn(values, " \n");
		values += *values != '\0';
	}
	return false;
}

bool
counters_read(const char *name, uint64_t *value)
{
	char names[LINE_MAX_LEN], values[LINE_MAX_LEN];
	FILE *file = fopen("/proc/net/netstat", "re");
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(names, sizeof(names), file) &&
	    fgets(values, sizeof(values), file))
		found = counters_find(names, values, name, value);
	fclose(file);
	return found;
}
