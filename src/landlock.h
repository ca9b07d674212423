#ifndef LANDLOCK_H
#define LANDLOCK_H

/*
 * Which files the running program may open: see landlock(7). Nothing to be
 * written, made, removed or executed, and to be read only what name resolution
 * and a reload of the configuration need.
 */

/*
 * The directory of the configuration stays readable, so that a new file may
 * take its place. Only before the first thread. Sets no_new_privs. Returns
 * NULL, or why nothing was restricted.
 */
const char *landlock_restrict(const char *config_path);

#endif
