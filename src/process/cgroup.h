#ifndef PROCESS_CGROUP_H
#define PROCESS_CGROUP_H

/* The control groups of this process, of version 1 and 2 (cgroups(7)). */

/* directory: below root, for example "/sys/fs/cgroup/system.slice". */
typedef void cgroup_visit(void *context, const char *directory);

/*
 * Visits this process's cgroup for that controller and its visible ancestors,
 * whose limits apply as well. A directory may be missing, or lack the
 * controller's files. root as in host_file.h.
 */
void cgroup_visit_all(const char *root, const char *controller,
    cgroup_visit *visit, void *context);

#endif
