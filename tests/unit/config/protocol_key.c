#include "config/protocol_key.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

#define X16 "xxxxxxxxxxxxxxxx"

/* Computed by another implementation of HMAC; one is longer than a block. */
static const struct {
	const char *auth, *key, *hint;
} known[] = {
	/* clang-format off */
	{ "", "3ea5e11af1339897db14b18eef168e6e6f082b1e2697d6c86b7f6c2914bbbd1e",
	    "634be0fe8800ce21" },
	{ "secret",
	    "72519bf8b72fec656aa434dbaf225c280b4bbc243b98cdae744c6db0cdd27fa1",
	    "2efb66941f18e224" },
	{ X16 X16 X16 X16,
	    "7d8a519aacdb2fa78ed46045a6989772ecdbf3fc98044fb850b430ed97b214ee",
	    "c8fb95b817087eb3" },
	{ X16 X16 X16 X16 "x",
	    "4cd568aeb875d0acb1f063de982d7c0d970571e2cd6e2d20b0de51ea40753d16",
	    "ea5306550a30f4dd" },
	/* clang-format on */
};

static void
check_hex(const uint8_t *bytes, size_t len, const char *expected)
{
	char text[2 * DIGEST_LEN + 1];

	for (size_t i = 0; i < len; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	ck_assert_str_eq(text, expected);
}

START_TEST(a_known_secret_has_its_known_key_and_hint)
{
	const char *auth = known[_i].auth;
	struct protocol_key made;
	struct hmac_key key;
	struct digest mac, expected;
	uint8_t bytes[DIGEST_LEN];

	protocol_key_derive(auth, strlen(auth), &made);
	for (size_t i = 0; i < sizeof(bytes); i++)
		sscanf(known[_i].key + 2 * i, "%2hhx", &bytes[i]);
	hmac_key_init(&key, bytes, sizeof(bytes));
	hmac_compute(&key, "message", 7, &expected);
	hmac_compute(&made.key, "message", 7, &mac);
	ck_assert(digest_equal(&mac, &expected));
	check_hex(made.hint, sizeof(made.hint), known[_i].hint);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("protocol_key");
	TCase *derive = tcase_create("derive");

	tcase_add_loop_test(
	    derive, a_known_secret_has_its_known_key_and_hint, 0, COUNT(known));
	suite_add_tcase(suite, derive);
	return suite;
}
