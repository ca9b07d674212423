#include "base/hmac.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

/* RFC 4231, sections 4.2 to 4.8. The key and data repeat a byte, or are text. */
static const struct {
	uint8_t key_byte;
	const char *key;
	size_t key_len;
	uint8_t data_byte;
	const char *data;
	size_t len;
	const char *mac; /* its beginning */
} known[] = {
	/* clang-format off */
	{ 0x0b, NULL, 20, 0, "Hi There", 8,
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ 0, "Jefe", 4, 0, "what do ya want for nothing?", 28,
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ 0xaa, NULL, 20, 0xdd, NULL, 50,
	    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ 0, "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30\31",
	    25, 0xcd, NULL, 50,
	    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
	{ 0x0c, NULL, 20, 0, "Test With Truncation", 20,
	    "a3b6167473100ee06e0c796c2955552b" },
	{ 0xaa, NULL, 131, 0,
	    "Test Using Larger Than Block-Size Key - Hash Key First", 54,
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	{ 0xaa, NULL, 131, 0,
	    "This is a test using a larger than block-size key and a larger "
	    "than block-size data. The key needs to be hashed before being used "
	    "by the HMAC algorithm.", 152,
	    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
	/* clang-format on */
};

/* In a block that ends with it, so that a sanitizer sees a read beyond it. */
static uint8_t *
make(uint8_t byte, const char *text, size_t len)
{
	uint8_t *bytes = malloc(len);

	memset(bytes, byte, len);
	if (text)
		memcpy(bytes, text, len);
	return bytes;
}

START_TEST(a_known_key_and_text_have_their_known_mac)
{
	uint8_t *key =
	    make(known[_i].key_byte, known[_i].key, known[_i].key_len);
	uint8_t *data =
	    make(known[_i].data_byte, known[_i].data, known[_i].len);
	char text[2 * DIGEST_LEN + 1];
	struct hmac_key prepared;
	struct digest mac;

	hmac_key_init(&prepared, key, known[_i].key_len);
	/* Twice, as it must not change the key. */
	hmac_compute(&prepared, data, known[_i].len, &mac);
	hmac_compute(&prepared, data, known[_i].len, &mac);
	for (size_t i = 0; i < DIGEST_LEN; i++)
		sprintf(text + 2 * i, "%02x", mac.bytes[i]);
	text[strlen(known[_i].mac)] = '\0';
	ck_assert_str_eq(text, known[_i].mac);
	free(key);
	free(data);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("hmac");
	TCase *vectors = tcase_create("vectors");

	tcase_add_loop_test(vectors, a_known_key_and_text_have_their_known_mac,
	    0, COUNT(known));
	suite_add_tcase(suite, vectors);
	return suite;
}
