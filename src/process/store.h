#ifndef PROCESS_STORE_H
#define PROCESS_STORE_H

/*
 * The service manager's descriptor store, which keeps messages for the next
 * process while the service is restarted: their descriptors, and their data in a
 * file in memory. The manager keeps neither the order of descriptors nor which
 * is which, so each is known by a number of the kernel (SO_COOKIE, or the inode
 * of a pipe). Only the main thread may call these functions.
 */

#include <stdint.h>

#include "base/passing.h"
#include "process/socket_activation.h"

/* Before the sandbox is entered: makes the file, if there is a manager. */
void store_open(void);

/*
 * Forgets what was put before. The version of the messages: the next process
 * reads those of its own major number, and no higher minor one. Returns 0 or a
 * negative errno.
 */
int store_begin(uint32_t major, uint32_t minor);

/*
 * Stores a message after those before; the descriptors stay the caller's.
 * Returns 0, or a negative errno: -EMFILE if there are too many descriptors.
 */
int store_put(const struct passing *message);

/* Stores the data of all. Returns 0, or a negative errno. */
int store_finish(void);

/* Takes everything back. */
void store_discard(void);

/*
 * In the next process: takes over the descriptors that are stored. Returns 0, or
 * -EPROTO if another version has stored them.
 */
int store_read(struct socket_activation *given, uint32_t major, uint32_t minor);

/*
 * The next message, as passing_receive() has it; a descriptor is -1 if it is
 * missing. -ECONNRESET after the last one.
 */
int store_next(struct passing *message);

/* Closes what no message had, and lets the manager forget all of it. */
void store_close(void);

#endif
