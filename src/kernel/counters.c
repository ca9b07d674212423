#include "kernel/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 8192

/* The file has a line of names, and below it one of their values. */
uint64_t
counters_filtered(void)
{
	char names[LINE_MAX_LEN], values[LINE_MAX_LEN];
	FILE *file = fopen("/proc/net/netstat", "re");
	char *name = NULL, *value = NULL, *rest, *other_rest;

	if (!file)
		return 0;
	if (fgets(names, sizeof(names), file) &&
	    fgets(values, sizeof(values), file)) {
		name = strtok_r(names, " ", &rest);
		value = strtok_r(values, " ", &other_rest);
	}
	fclose(file);
	while (name && value && strcmp(name, "IPReversePathFilter") != 0) {
		name = strtok_r(NULL, " ", &rest);
		value = strtok_r(NULL, " ", &other_rest);
	}
	return name && value ? strtoull(value, NULL, 10) : 0;
}
