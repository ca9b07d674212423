#include "base/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static const struct {
	const char *data;
	size_t len;
	const char *digest;
} known[] = {
	{ "", 0,
	    "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855" },
	{ "abc", 3,
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad" },
	{ "a\0b", 3,
	    "59b271ae1bbcb1d31d41929817f4b16f"
	    "b439eb4f31520b5ad1d5ce98920a7138" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1" },
	{ "613200f2-0af9-40e3-9dc2-a5d6f365db1b", 36,
	    "70032a0d7130761d1d9fd670d167effd"
	    "2e99c771ef6fc89aca0fb90a56ab363a" },
};

static void
check_digest(const struct digest *digest, const char *expected)
{
	char text[2 * DIGEST_LEN + 1];

	for (size_t i = 0; i < DIGEST_LEN; i++)
		sprintf(text + 2 * i, "%02x", digest->bytes[i]);
	ck_assert_str_eq(text, expected);
}

START_TEST(a_known_text_has_its_known_digest)
{
	char *copy = malloc(known[_i].len + 1);
	struct digest digest;

	memcpy(copy, known[_i].data, known[_i].len);
	digest_compute(copy, known[_i].len, &digest);
	free(copy);
	check_digest(&digest, known[_i].digest);
}
END_TEST

START_TEST(a_million_letters_have_their_known_digest)
{
	size_t len = 1000000;
	char *letters = malloc(len);
	struct digest digest;

	memset(letters, 'a', len);
	digest_compute(letters, len, &digest);
	free(letters);
	check_digest(&digest,
	    "cdc76e5c9914fb9281a1c7e284d73e67"
	    "f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

START_TEST(digests_that_differ_in_one_bit_are_not_equal)
{
	struct digest a, b;

	digest_compute("abc", 3, &a);
	b = a;
	ck_assert(digest_equal(&a, &b));
	for (unsigned bit = 0; bit < 8; bit++) {
		b.bytes[_i] ^= (uint8_t)(1 << bit);
		ck_assert(!digest_equal(&a, &b));
		b = a;
	}
}
END_TEST

START_TEST(differences_never_cancel_out)
{
	struct digest a = { { 0 } }, b = { { 0 } };

	b.bytes[0] = b.bytes[1] = b.bytes[DIGEST_LEN - 1] = 0xff;
	ck_assert(!digest_equal(&a, &b));
	memset(&b, 0x80, sizeof(b));
	ck_assert(!digest_equal(&a, &b));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("digest");
	TCase *sha256 = tcase_create("sha256");
	TCase *equal = tcase_create("equal");

	tcase_add_loop_test(
	    sha256, a_known_text_has_its_known_digest, 0, COUNT(known));
	tcase_add_test(sha256, a_million_letters_have_their_known_digest);
	suite_add_tcase(suite, sha256);

	tcase_add_loop_test(
	    equal, digests_that_differ_in_one_bit_are_not_equal, 0, DIGEST_LEN);
	tcase_add_test(equal, differences_never_cancel_out);
	suite_add_tcase(suite, equal);
	return suite;
}
