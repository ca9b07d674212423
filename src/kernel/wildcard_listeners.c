#include "kernel/wildcard_listeners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 512
#define STATE_LISTEN "0A"

bool
wildcard_listeners_parse(const char *line, uint16_t *port)
{
	char local[33], local_port[5], state[3];

	/* "  0: 00000000:0016 00000000:0000 0A ..." */
	if (sscanf(line,
		" %*[0-9]: %32[0-9A-F]:%4[0-9A-F] %*[0-9A-F]:%*[0-9A-F] "
		"%2[0-9A-F]",
		local, local_port, state) != 3)
		return false;
	if (strcmp(state, STATE_LISTEN) != 0 ||
	    strspn(local, "0") != strlen(local))
		return false;
	*port = (uint16_t)strtoul(local_port, NULL, 16);
	return true;
}

static bool
is_among(uint16_t port, const uint16_t *ports, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (ports[i] == port)
			return true;
	}
	return false;
}

static size_t
add_from(const char *path, uint16_t *ports, size_t count, size_t max)
{
	char line[LINE_MAX_LEN];
	FILE *file = fopen(path, "re");
	uint16_t port;

	if (!file)
		return count;
	while (count < max && fgets(line, sizeof(line), file)) {
		if (wildcard_listeners_parse(line, &port) &&
		    !is_among(port, ports, count))
			ports[count++] = port;
	}
	fclose(file);
	return count;
}

size_t
wildcard_listeners_list(uint16_t *ports, size_t max)
{
	size_t count = add_from("/proc/net/tcp", ports, 0, max);

	return add_from("/proc/net/tcp6", ports, count, max);
}
