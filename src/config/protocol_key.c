#include "config/protocol_key.h"

#include <string.h>
void
protocol_key_derive(
    const void *auth, size_t len, struct protocol_key *protocol_key)
{
	static const char for_key[] = "srcproxy protocol 2 key";
	static const char for_hint[] = "srcproxy protocol 2 hint";
	struct hmac_key secret;
	struct digest key, hint;

	hmac_key_init(&secret, auth, len);
	hmac_compute(&secret, for_key, strlen(for_key), &key);
	hmac_compute(&secret, for_hint, strlen(for_hint), &hint);
	hmac_key_init(&protocol_key->key, key.bytes, sizeof(key.bytes));
	memcpy(protocol_key->hint, hint.bytes, PROTOCOL_HINT_LEN);
	explicit_bzero(&secret, sizeof(secret));
	explicit_bzero(&key, sizeof(key));
}
