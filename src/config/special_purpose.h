#ifndef CONFIG_SPECIAL_PURPOSE_H
#define CONFIG_SPECIAL_PURPOSE_H

/*
 * Special destinations mean something else to the exit than to the user who
 * asks for them: the exit itself, its link, the metadata service of its cloud,
 * and addresses that some kernels take for the host itself. IPv6 addresses that
 * a translator or tunnel turns into a special IPv4 address (64:ff9b::/96,
 * ::ffff:0:0:0/96, 2002::/16) count as well.
 */

#include "net/address.h"

/*
 * Returns NULL for all other addresses. For a special one, it returns the
 * reason to refuse it, and sets *bit_count to the length of the special block:
 * only an entry of at least that length opens it. The address must be unmapped.
 */
const char *special_purpose_find(
    const union address *address, unsigned *bit_count);

#endif
