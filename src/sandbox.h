#ifndef SANDBOX_H
#define SANDBOX_H

/*
 * What keeps whoever takes the program over from doing more than it does: as
 * few system calls (syscalls.h) and files (landlock.h) as possible.
 */

/*
 * Before the first thread, and after all that is done only once. There is no
 * way back. Says in the log what is in force; a kernel that lacks one of the
 * two does not keep the other, or the program, from working.
 */
void sandbox_enter(const char *config_path);

#endif
