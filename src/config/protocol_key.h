#ifndef CONFIG_PROTOCOL_KEY_H
#define CONFIG_PROTOCOL_KEY_H

/*
 * What version 2 of the protocol makes of an auth string, as
 * srcproxy-protocol(7) has it. The digest that version 1 sends reveals neither.
 */

#include "base/hmac.h"

#define PROTOCOL_HINT_LEN 8

struct protocol_key {
	uint8_t hint[PROTOCOL_HINT_LEN]; /* sent, to find the key */
	struct hmac_key key;             /* never sent */
};

void protocol_key_derive(
    const void *auth, size_t len, struct protocol_key *protocol_key);

#endif
