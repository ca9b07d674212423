#ifndef PROCESS_PIDFILE_H
#define PROCESS_PIDFILE_H

/*
 * The file that tells an init system which process this is. It is locked for
 * as long as the program lives, has the number only while that serves, and is
 * empty otherwise: nobody finds the number of a process that is no more, but
 * after a kill. To remove it is left to the init system, for the sandbox takes
 * that away.
 */

/*
 * Makes the file, or takes over one that nobody holds. A file that is neither
 * empty nor holds a number stays as it is. Returns 0, or -1 after reporting why
 * not. Before privileges are dropped and the sandbox is entered.
 */
int pidfile_open(const char *path);

/* These do nothing without the above. */

/* Now others may rely on it. Returns 0, or -1 after reporting why not. */
int pidfile_write(void);

void pidfile_empty(void);

#endif
