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
 * The files in the configuration's directory stay readable, so that a new file
 * may replace the configuration; the directory cannot be listed. removed_path:
 * files of its directory may be removed; NULL: none. names: the program looks up
 * hosts. binds_ports: it binds sockets to given ports. Call before the first
 * thread. Sets no_new_privs. Returns NULL, or why nothing was restricted.
 */
const char *landlock_restrict(const char *config_path, const char *removed_path,
    bool names, bool binds_ports);

#endif
