#include "proxy/protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define NO_VERSION "the first byte is not version 1 or 2 of the protocol"
#define NO_OPCODE "the second byte is not opcode 1 (relay)"
#define NO_OPCODE_2 "the second byte is not opcode 1 or 2 (relay, check)"
#define BAD_DESTINATION "the destination address is not 4 or 16 bytes long"
#define BAD_SOURCE "the source address is not 4 or 16 bytes long"

/* Auth "abc", 192.0.2.1:443, [::ffff:198.51.100.7]:50000. */
static const uint8_t example[] = { 1, 1, 3, 'a', 'b', 'c', 4, 192, 0, 2, 1,
	0x01, 0xbb, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100,
	7, 0xc3, 0x50 };

/*
 * Version 2 with auth "abc" and the same addresses. The key, the hint and the
 * MAC were computed by another implementation of HMAC.
 */
static const uint8_t example_2[] = { 2, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0x11,
	0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d,
	0x1e, 0x1f, 0xae, 0x55, 0xaf, 0x11, 0x7c, 0xfe, 0x35, 0xe2, 4, 192, 0,
	2, 1, 0x01, 0xbb, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51,
	100, 7, 0xc3, 0x50, 0xf5, 0x91, 0x62, 0xed, 0x95, 0xf1, 0x87, 0x73,
	0x2e, 0xb6, 0x57, 0x9c, 0xe4, 0x30, 0xbe, 0x75, 0xba, 0x3c, 0xa7, 0x07,
	0x57, 0xf5, 0xdd, 0xa6, 0x96, 0xac, 0x00, 0x28, 0xc2, 0xfd, 0xe4,
	0xd5 };

static const struct digest key_of_example_2 = { { 0x97, 0x8a, 0x4d, 0x4c, 0x7f,
    0x7b, 0x8c, 0x0d, 0x3a, 0x69, 0xae, 0xd6, 0x2a, 0xb8, 0xb3, 0x87, 0xed,
    0x8e, 0x26, 0x15, 0xff, 0xc4, 0xe1, 0xa7, 0x6b, 0xce, 0x74, 0xef, 0x12,
    0x22, 0x8e, 0xfc } };

static const struct {
	const uint8_t *data;
	size_t len;
} examples[] = {
	{ example, sizeof(example) },
	{ example_2, sizeof(example_2) },
};

/* Offsets in the examples. */
enum {
	AT_VERSION = 0,
	AT_OPCODE = 1,
	AT_DESTINATION = 6,
	AT_SOURCE = 13,
	AT_DESTINATION_2 = 34,
	AT_SOURCE_2 = 41,
	LONGEST = sizeof(example_2),
};

static struct request
make_request(size_t auth_len, const char *destination, const char *source)
{
	struct request request;

	memset(&request, 0, sizeof(request));
	request.version = 1;
	request.opcode = PROTOCOL_RELAY;
	request.auth_len = (uint8_t)auth_len;
	for (size_t i = 0; i < auth_len; i++)
		request.auth[i] = (uint8_t)(255 - i);
	ck_assert(address_parse(destination, &request.destination));
	ck_assert(address_parse(source, &request.source));
	address_set_port(&request.destination, 0x0102);
	address_set_port(&request.source, 0xfffe);
	return request;
}

/*
 * Decodes from a block that ends with the data, so that a sanitizer sees a read
 * beyond it.
 */
static ssize_t
decode_exactly(const uint8_t *data, size_t len, struct request *request,
    const char **reason)
{
	uint8_t *copy = malloc(len ? len : 1);
	ssize_t taken;

	memcpy(copy, data, len);
	/* Empty data must end with its block, too. */
	taken = protocol_decode(len ? copy : copy + 1, len, request, reason);
	free(copy);
	return taken;
}

/* The whole request, one byte more, and each truncation. */
static void
check_round_trip(const struct request *request)
{
	uint8_t data[PROTOCOL_REQUEST_MAX_LEN + 1];
	const char *reason = NULL;
	struct request decoded;
	size_t len = protocol_encode(request, data);

	ck_assert_uint_le(len, PROTOCOL_REQUEST_MAX_LEN);
	memset(&decoded, 0xff, sizeof(decoded));
	ck_assert_int_eq(
	    decode_exactly(data, len, &decoded, &reason), (ssize_t)len);
	ck_assert_uint_eq(decoded.version, request->version);
	ck_assert_uint_eq(decoded.opcode, request->opcode);
	if (request->version == 1) {
		ck_assert_uint_eq(decoded.auth_len, request->auth_len);
		ck_assert_mem_eq(
		    decoded.auth, request->auth, request->auth_len);
	} else {
		ck_assert(decoded.time_ms == request->time_ms);
		ck_assert_mem_eq(
		    decoded.nonce, request->nonce, sizeof(request->nonce));
		ck_assert_mem_eq(
		    decoded.hint, request->hint, sizeof(request->hint));
		ck_assert(digest_equal(&decoded.mac, &request->mac));
	}
	ck_assert(address_equal(&decoded.destination, &request->destination));
	ck_assert(address_equal(&decoded.source, &request->source));
	for (size_t part = 0; part < len; part++)
		ck_assert_int_eq(
		    decode_exactly(data, part, &decoded, &reason), 0);
	ck_assert_pstr_eq(reason, NULL);
}

START_TEST(a_request_is_encoded_byte_by_byte_as_documented)
{
	struct request request =
	    make_request(3, "192.0.2.1", "::ffff:198.51.100.7");
	uint8_t *data = malloc(sizeof(example));
	uint8_t room[PROTOCOL_REQUEST_MAX_LEN];

	memcpy(request.auth, "abc", 3);
	address_set_port(&request.destination, 443);
	address_set_port(&request.source, 50000);
	ck_assert_uint_eq(protocol_encode(&request, room), sizeof(example));
	ck_assert_mem_eq(room, example, sizeof(example));
	/* It writes no more bytes than it returns. */
	ck_assert_uint_eq(protocol_encode(&request, data), sizeof(example));
	free(data);
}
END_TEST

/* As bytes, and signed with the key that the documentation derives. */
START_TEST(a_request_of_version_2_is_encoded_as_documented)
{
	struct request request =
	    make_request(0, "192.0.2.1", "::ffff:198.51.100.7");
	uint8_t *data = malloc(sizeof(example_2));
	struct hmac_key key;

	hmac_key_init(&key, key_of_example_2.bytes, DIGEST_LEN);
	request.version = 2;
	request.time_ms = UINT64_C(0x0102030405060708);
	for (uint8_t i = 0; i < PROTOCOL_NONCE_LEN; i++)
		request.nonce[i] = 0x10 + i;
	memcpy(request.hint, example_2 + 26, sizeof(request.hint));
	address_set_port(&request.destination, 443);
	address_set_port(&request.source, 50000);
	ck_assert_uint_eq(protocol_encode(&request, data), sizeof(example_2));
	protocol_sign(&key, data, sizeof(example_2));
	ck_assert_mem_eq(data, example_2, sizeof(example_2));
	ck_assert(protocol_is_signed(&key, data, sizeof(example_2)));
	free(data);
}
END_TEST

static bool
is_signed(const struct digest *bytes, const uint8_t data[sizeof(example_2)])
{
	struct hmac_key key;

	hmac_key_init(&key, bytes->bytes, sizeof(bytes->bytes));
	return protocol_is_signed(&key, data, sizeof(example_2));
}

/* Of the bytes, and of the key. */
START_TEST(no_changed_bit_passes_the_mac)
{
	uint8_t data[sizeof(example_2)];
	struct digest key = key_of_example_2;

	memcpy(data, example_2, sizeof(data));
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] ^= (uint8_t)(1 << _i);
		ck_assert(!is_signed(&key, data));
		data[i] ^= (uint8_t)(1 << _i);
	}
	for (size_t i = 0; i < sizeof(key.bytes); i++) {
		key.bytes[i] ^= (uint8_t)(1 << _i);
		ck_assert(!is_signed(&key, data));
		key.bytes[i] ^= (uint8_t)(1 << _i);
	}
	ck_assert(is_signed(&key, data));
}
END_TEST

START_TEST(a_request_of_version_2_passes_for_all_families)
{
	static const char *const hosts[] = { "192.0.2.1", "2001:db8::1",
		"::ffff:192.0.2.1", "0.0.0.0" };
	struct request request = make_request(0, hosts[_i / 4], hosts[_i % 4]);

	request.version = 2;
	request.opcode = _i % 2 ? PROTOCOL_CHECK : PROTOCOL_RELAY;
	request.time_ms = UINT64_MAX - (uint64_t)_i;
	memset(request.nonce, 0xfe, sizeof(request.nonce));
	memset(request.hint, 0xfd, sizeof(request.hint));
	memset(request.mac.bytes, 0xfc, sizeof(request.mac.bytes));
	check_round_trip(&request);
}
END_TEST

START_TEST(a_request_is_decoded_as_documented)
{
	struct request request;
	const char *reason = NULL;
	char text[ADDRESS_STRLEN];

	ck_assert_int_eq(
	    decode_exactly(example, sizeof(example), &request, &reason),
	    sizeof(example));
	ck_assert_uint_eq(request.auth_len, 3);
	ck_assert_mem_eq(request.auth, "abc", 3);
	ck_assert_str_eq(
	    address_format(&request.destination, text), "192.0.2.1:443");
	ck_assert_str_eq(address_format(&request.source, text),
	    "[::ffff:198.51.100.7]:50000");
}
END_TEST

/* And each truncation of each of them. */
START_TEST(an_auth_of_each_length_passes_for_all_families)
{
	static const char *const hosts[] = { "192.0.2.1", "2001:db8::1" };

	for (int i = 0; i < 4; i++) {
		struct request request =
		    make_request((size_t)_i, hosts[i / 2], hosts[i % 2]);

		check_round_trip(&request);
	}
}
END_TEST

START_TEST(the_longest_request_is_as_long_as_the_header_says)
{
	struct request request =
	    make_request(PROTOCOL_AUTH_MAX_LEN, "2001:db8::1", "2001:db8::2");
	uint8_t *data = malloc(PROTOCOL_REQUEST_MAX_LEN);

	ck_assert_uint_eq(
	    protocol_encode(&request, data), PROTOCOL_REQUEST_MAX_LEN);
	free(data);
}
END_TEST

START_TEST(a_mapped_address_stays_what_it_is)
{
	struct request request =
	    make_request(32, "::ffff:192.0.2.1", "::ffff:198.51.100.7");

	check_round_trip(&request);
}
END_TEST

START_TEST(payload_behind_the_request_is_left_alone)
{
	size_t own = examples[_i].len;
	uint8_t data[LONGEST + 600];
	const char *reason = NULL;
	struct request request;

	/* The payload looks like another request. */
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = examples[_i].data[i % own];
	for (size_t len = own; len <= sizeof(data); len++)
		ck_assert_int_eq(
		    decode_exactly(data, len, &request, &reason), (ssize_t)own);
}
END_TEST

static const struct {
	size_t example, at;
	uint8_t other; /* which passes there, too; or the one of the example */
	const char *reason;
	enum protocol_status refusal;
} telling[] = {
	/* The other version has its own table of opcodes and lengths. */
	{ 0, AT_VERSION, 2, NO_VERSION, PROTOCOL_BAD_VERSION },
	{ 0, AT_OPCODE, 1, NO_OPCODE, PROTOCOL_MALFORMED },
	{ 0, AT_DESTINATION, 16, BAD_DESTINATION, PROTOCOL_MALFORMED },
	{ 0, AT_SOURCE, 4, BAD_SOURCE, PROTOCOL_MALFORMED },
	{ 1, AT_VERSION, 1, NO_VERSION, PROTOCOL_BAD_VERSION },
	{ 1, AT_OPCODE, 2, NO_OPCODE_2, PROTOCOL_BAD_OPCODE },
	{ 1, AT_DESTINATION_2, 16, BAD_DESTINATION, PROTOCOL_MALFORMED },
	{ 1, AT_SOURCE_2, 4, BAD_SOURCE, PROTOCOL_MALFORMED },
};

START_TEST(a_wrong_byte_is_noticed_as_soon_as_it_arrives)
{
	const uint8_t *good = examples[telling[_i].example].data;
	size_t good_len = examples[telling[_i].example].len;
	size_t at = telling[_i].at;

	for (unsigned value = 0; value <= 255; value++) {
		uint8_t data[LONGEST];
		const char *reason = NULL;
		struct request request;

		memcpy(data, good, good_len);
		data[at] = (uint8_t)value;
		if (value == good[at] || value == telling[_i].other)
			continue;
		ck_assert_int_eq(
		    decode_exactly(data, at, &request, &reason), 0);
		for (size_t len = at + 1; len <= good_len; len++) {
			reason = NULL;
			ck_assert_int_eq(
			    decode_exactly(data, len, &request, &reason),
			    -EPROTO);
			ck_assert_pstr_eq(reason, telling[_i].reason);
			ck_assert_int_eq(request.refusal, telling[_i].refusal);
		}
	}
}
END_TEST

static const char *const strangers[] = {
	"GET / HTTP/1.1\r\nHost: example.net\r\n\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
	"SSH-2.0-OpenSSH_9.2\r\n",
	"\x16\x03\x01\x02",
	"\x05\x01",
};

START_TEST(another_protocol_is_refused_by_its_first_byte)
{
	const char *reason = NULL;
	struct request request;

	ck_assert_int_eq(decode_exactly((const uint8_t *)strangers[_i], 1,
			     &request, &reason),
	    -EPROTO);
	ck_assert_pstr_eq(reason, NO_VERSION);
}
END_TEST

/*
 * If it decodes, encoding again gives the same bytes, and nothing beyond the
 * data was read. Both halves of the table make the addresses longer and
 * shorter.
 */
START_TEST(one_changed_byte_never_makes_it_read_beyond_the_data)
{
	bool is_first = (size_t)_i < sizeof(example);
	const uint8_t *good = is_first ? example : example_2;
	size_t len = is_first ? sizeof(example) : sizeof(example_2);
	size_t at = (size_t)_i - (is_first ? 0 : sizeof(example));
	uint8_t data[LONGEST], again[PROTOCOL_REQUEST_MAX_LEN];

	for (unsigned value = 0; value <= 255; value++) {
		const char *reason = NULL;
		struct request request;
		ssize_t taken;

		memcpy(data, good, len);
		data[at] = (uint8_t)value;
		taken = decode_exactly(data, len, &request, &reason);
		ck_assert_int_le(taken, (ssize_t)len);
		if (taken > 0) {
			ck_assert_uint_eq(
			    protocol_encode(&request, again), (size_t)taken);
			ck_assert_mem_eq(again, data, (size_t)taken);
		} else if (taken < 0) {
			ck_assert_int_eq(taken, -EPROTO);
			ck_assert_ptr_nonnull(reason);
		}
	}
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("protocol");
	TCase *valid = tcase_create("valid");
	TCase *invalid = tcase_create("invalid");

	tcase_add_test(valid, a_request_is_encoded_byte_by_byte_as_documented);
	tcase_add_test(valid, a_request_is_decoded_as_documented);
	tcase_add_loop_test(valid,
	    an_auth_of_each_length_passes_for_all_families, 0,
	    PROTOCOL_AUTH_MAX_LEN + 1);
	tcase_add_test(
	    valid, the_longest_request_is_as_long_as_the_header_says);
	tcase_add_test(valid, a_mapped_address_stays_what_it_is);
	tcase_add_loop_test(valid, payload_behind_the_request_is_left_alone, 0,
	    COUNT(examples));
	tcase_add_test(valid, a_request_of_version_2_is_encoded_as_documented);
	tcase_add_loop_test(valid, no_changed_bit_passes_the_mac, 0, 8);
	tcase_add_loop_test(
	    valid, a_request_of_version_2_passes_for_all_families, 0, 16);
	suite_add_tcase(suite, valid);

	tcase_add_loop_test(invalid,
	    a_wrong_byte_is_noticed_as_soon_as_it_arrives, 0, COUNT(telling));
	tcase_add_loop_test(invalid,
	    another_protocol_is_refused_by_its_first_byte, 0, COUNT(strangers));
	tcase_add_loop_test(invalid,
	    one_changed_byte_never_makes_it_read_beyond_the_data, 0,
	    sizeof(example) + sizeof(example_2));
	suite_add_tcase(suite, invalid);
	return suite;
}
