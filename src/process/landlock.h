#ifndef PROCESS_LANDLOCK_H
#define PROCESS_LANDLOCK_H

/*
 * Restricts the paths and names that the running program may reach:
 * landlock(7). It may not write, make, remove or execute any file. It may read
 * only the files that name resolution and a reload of the configuration need.
 * Newer kernels also forbid signals to, and abstract sockets of, processes
 * outside this restriction.
 */

#include <stdbool.h>

/*
 * The directory of the configuration stays readable, though not to be listed,
 * so that a new file may take its place. removed_path: a file that may be removed,
 * as may others of its directory, or NULL. names: hosts are looked up.
 * binds_ports: sockets are bound to ports that somebody asks for. Only before
 * the first thread. Sets no_new_privs. Returns NULL, or why nothing was
 * restricted.
 */
const char *landlock_restrict(const char *config_path, const char *removed_path,
    bool names, bool binds_ports);

#endif
