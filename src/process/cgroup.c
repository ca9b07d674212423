#include "process/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "process/host_file.h"

#define MOUNT "/sys/fs/cgroup"

/* A search for the cgroups of one controller. */
struct search {
	const char *controller;
	cgroup_visit *visit;
	void *context;
};

/*
 * In a container the path may be the host's and not exist here. The mount
 * itself is then the cgroup of the container.
 */
static void
visit_path(const struct search *search, const char *mount, const char *path)
{
	char directory[HOST_FILE_MAX_LEN];
	size_t mount_len = strlen(mount);
	char *slash;

	if (snprintf(directory, sizeof(directory), "%s%s", mount, path) >=
	    (int)sizeof(directory))
		return;
	do {
		slash = strrchr(directory + mount_len, '/');
		if (!slash || slash[1])
			search->visit(search->context, directory);
		if (slash)
			*slash = '\0';
	} while (slash);
}

static bool
has_controller(const struct search *search, const char *controllers)
{
	char copy[256], *rest, *name;

	snprintf(copy, sizeof(copy), "%s", controllers);
	for (name = strtok_r(copy, ",", &rest); name;
	     name = strtok_r(NULL, ",", &rest)) {
		if (!strcmp(name, search->controller))
			return true;
	}
	return false;
}

/*
 * A line of /proc/self/cgroup: "ID:CONTROLLERS:PATH"; version 2 has "0::PATH".
 */
static void
visit_line(const struct search *search, char *line)
{
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;
	char mount[64];

	if (!path)
		return;
	*path++ = '\0';
	controllers++;
	if (has_controller(search, controllers)) {
		snprintf(mount, sizeof(mount), MOUNT "/%s", search->controller);
		visit_path(search, mount, path);
	} else if (!*controllers) {
		visit_path(search, MOUNT, path);
		visit_path(search, MOUNT "/unified", path);
	}
}

void
cgroup_visit_all(const char *root, const char *controller, cgroup_visit *visit,
    void *context)
{
	struct search search = { controller, visit, context };
	char text[HOST_FILE_MAX_LEN], *rest, *line;

	if (!host_file_read(root, "/proc/self/cgroup", text))
		return;
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		visit_line(&search, line);
}
