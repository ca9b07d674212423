#ifndef PROCESS_LANDLOCK_H
#define PROCESS_LANDLOCK_H

/*
 * What the running program may reach by path or by name: see landlock(7).
 * Nothing to be written, made, removed or executed, and to be read only what a
 * reload of the configuration and name resolution need. Where the kernel knows
 * of these: no signals to, and no abstract sockets of, processes that are not
 * restricted with it.
 */

#include <stdbool.h>

/*
 * The directory of the configuration stays readable, though not to be listed,
 * so that a new file may take its place. names: hosts are looked up.
 * binds_ports: sockets are bound to ports that somebody asks for. Only before
 * the first thread. Sets no_new_privs. Returns NULL, or why nothing was
 * restricted.
 */
const char *landlock_restrict(
    const char *config_path, bool names, bool binds_ports);

#endif
