#ifndef PROCESS_PRIVILEGE_H
#define PROCESS_PRIVILEGE_H

/*
 * Drops privileges: the user that the program becomes once it has opened all
 * that needs root, and the capabilities that it keeps (capabilities(7)). Needs
 * libcap-ng.
 */

#include <stdint.h>
#include <sys/types.h>

#define PRIVILEGE_NAME_MAX_LEN 32

struct privilege {
	char name[PRIVILEGE_NAME_MAX_LEN +
	    1]; /* of the user; "" if it has no name */
	uid_t uid;
	gid_t gid;
};

/*
 * Reads "USER" or "USER:GROUP", each a name or a number, and looks them up.
 * Returns NULL, or an error that completes "-u text: ".
 */
const char *privilege_parse(const char *text, struct privilege *privilege);

/*
 * Becomes that user for ever. Only the given capabilities (a bit each, 1 <<
 * CAP_NET_RAW) stay in the effective and permitted sets; all other sets become
 * empty. Call before the first thread: the kernel changes the calling thread
 * only. Returns 0 after logging what is left, or -1 after logging the failure;
 * part of the change may have been made then, so the caller must exit.
 */
int privilege_drop(const struct privilege *privilege, uint64_t capabilities);

/*
 * For a user other than root who was given capabilities, as by a service
 * manager. Gives up all but the given ones; CAP_NET_ADMIN stays if it stands in
 * for a missing CAP_NET_RAW. Otherwise as above.
 */
int privilege_trim(uint64_t capabilities);

/*
 * The capabilities that one of these has left, as the log has them: "none",
 * "net_bind_service,net_raw"; "all of the user's" when neither had to do
 * anything.
 */
const char *privilege_state(void);

#endif
