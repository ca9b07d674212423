#ifndef NET_LOCAL_BIND_H
#define NET_LOCAL_BIND_H

/*
 * How the client's own connections leave the host: source address, interface
 * and firewall mark (socket(7): SO_BINDTODEVICE, SO_MARK).
 */

#include <net/if.h>

#include "net/address.h"

struct local_bind {
	union address address;       /* AF_UNSPEC: the kernel chooses */
	char interface[IF_NAMESIZE]; /* "": any */
	bool marked;
	uint32_t mark;
};

/*
 * Reads "192.0.2.2%eth0", "192.0.2.2", "%eth0" or "fe80::1%eth0" into address
 * and interface. Returns NULL, or what is wrong with the text.
 */
const char *local_bind_parse_local(
    const char *text, struct local_bind *local_bind);

/*
 * Call before connect(2) on fd, a socket of this family. Returns 0 or a
 * negative errno (-EAFNOSUPPORT if the address is of the other family), and
 * *tried names the step that failed.
 */
int local_bind_apply(const struct local_bind *local_bind, int fd, int family,
    const char **tried);

#endif
