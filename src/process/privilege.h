#ifndef PROCESS_PRIVILEGE_H
#define PROCESS_PRIVILEGE_H

/*
 * Whom the program becomes once it has opened what only root may open, and
 * what it may still do then: see capabilities(7). Needs libcap-ng.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PRIVILEGE_NAME_MAX_LEN 32

struct privilege {
	char name[PRIVILEGE_NAME_MAX_LEN + 1]; /* of the user; "": has none */
	uid_t uid;
	gid_t gid;
};

/*
 * Reads "USER" or "USER:GROUP", each a name or a number, and looks them up.
 * Returns NULL, or what is wrong with the text, in words that complete "-u
 * text: ".
 */
const char *privilege_parse(const char *text, struct privilege *privilege);

/*
 * Becomes that user for ever, with none but these capabilities (a bit each, 1
 * << CAP_NET_RAW) in the effective and permitted set, and none in any other.
 * Only before the first thread, for the kernel does it to the calling thread.
 * Returns 0 after saying in the log what is left, or -1 after saying what
 * failed; then only part of it may have been done, and the caller must exit.
 */
int privilege_drop(const struct privilege *privilege, uint64_t capabilities);

/*
 * For a user other than root whom somebody gave capabilities, as a service
 * manager does: gives up all but these, and CAP_NET_ADMIN where it stands in
 * for CAP_NET_RAW, which is not there. Otherwise as above.
 */
int privilege_trim(uint64_t capabilities);

#endif
