#include "config/protocol_key.h"

#include <string.h>

#include "base/hmac.h"

void
protocol_key_derive(
    const void *auth, size_t len, struct protocol_key *protocol_key)
{
	static const char for_key[] = "srcproxy protocol 2 key";
	static const char for_hint[] = "srcproxy protocol 2 hint";
	struct digest hint;

	hmac_compute(auth, len, for_key, strlen(for_key), &protocol_key->key);
	hmac_compute(auth, len, for_hint, strlen(for_hint), &hint);
	memcpy(protocol_key->hint, hint.bytes, PROTOCOL_HINT_LEN);
}
