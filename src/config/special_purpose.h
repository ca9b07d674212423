#ifndef CONFIG_SPECIAL_PURPOSE_H
#define CONFIG_SPECIAL_PURPOSE_H

/*
 * Destinations that mean something else to the host that connects to them than
 * to the user who asks for them: the host itself, its link, the metadata
 * service of its cloud, and what some kernels make of addresses that nobody
 * has. IPv6 addresses that a translator or tunnel would turn into such an IPv4
 * one (64:ff9b::/96, ::ffff:0:0:0/96, 2002::/16) count as well.
 */

#include "net/address.h"

/*
 * Returns NULL for all other addresses, or in words that nobody goes there
 * who is not given this very block; *bit_count becomes how long a prefix is
 * that is no wider than the block. The address must be unmapped.
 */
const char *special_purpose_find(
    const union address *address, unsigned *bit_count);

#endif
