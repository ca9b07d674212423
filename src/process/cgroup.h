#ifndef PROCESS_CGROUP_H
#define PROCESS_CGROUP_H

/* The control groups of this process, of version 1 and 2 (cgroups(7)). */

/* directory: below root, as "/sys/fs/cgroup/system.slice". */
typedef void cgroup_visit(void *context, const char *directory);

/*
 * Visits the cgroup that this process has for that controller, and each one
 * above, whose limits bind it too, as far as they can be seen here. A directory
 * need not be there, nor have files of the controller. root as in host_file.h.
 */
void cgroup_visit_all(const char *root, const char *controller,
    cgroup_visit *visit, void *context);

#endif
