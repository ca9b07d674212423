#include "proxy/protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define NO_VERSION "the first byte is not version 1 of the protocol"
#define NO_OPCODE "the second byte is not opcode 1 (relay)"
#define BAD_DESTINATION "the destination address is not 4 or 16 bytes long"
#define BAD_SOURCE "the source address is not 4 or 16 bytes long"

/* Auth "abc", 192.0.2.1:443, [::ffff:198.51.100.7]:50000. */
static const uint8_t example[] = { 1, 1, 3, 'a', 'b', 'c', 4, 192, 0, 2, 1,
	0x01, 0xbb, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100,
	7, 0xc3, 0x50 };

/* Offsets in the example. */
enum {
	AT_VERSION = 0,
	AT_OPCODE = 1,
	AT_DESTINATION = 6,
	AT_SOURCE = 13,
};

static struct request
make_request(size_t auth_len, const char *destination, const char *source)
{
	struct request request;

	memset(&request, 0, sizeof(request));
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
	ck_assert_uint_eq(decoded.auth_len, request->auth_len);
	ck_assert_mem_eq(decoded.auth, request->auth, request->auth_len);
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
	uint8_t data[sizeof(example) + 600];
	const char *reason = NULL;
	struct request request;

	memcpy(data, example, sizeof(example));
	/* The payload looks like another request. */
	for (size_t i = sizeof(example); i < sizeof(data); i++)
		data[i] = example[i % sizeof(example)];
	for (size_t len = sizeof(example); len <= sizeof(data); len++)
		ck_assert_int_eq(decode_exactly(data, len, &request, &reason),
		    sizeof(example));
}
END_TEST

static const struct {
	size_t at;
	const char *reason;
} telling[] = {
	{ AT_VERSION, NO_VERSION },
	{ AT_OPCODE, NO_OPCODE },
	{ AT_DESTINATION, BAD_DESTINATION },
	{ AT_SOURCE, BAD_SOURCE },
};

START_TEST(a_wrong_byte_is_noticed_as_soon_as_it_arrives)
{
	size_t at = telling[_i].at;

	for (unsigned value = 0; value <= 255; value++) {
		uint8_t data[sizeof(example)];
		const char *reason = NULL;
		struct request request;

		memcpy(data, example, sizeof(data));
		data[at] = (uint8_t)value;
		if (value == example[at] ||
		    (at >= AT_DESTINATION && (value == 4 || value == 16)))
			continue;
		ck_assert_int_eq(
		    decode_exactly(data, at, &request, &reason), 0);
		for (size_t len = at + 1; len <= sizeof(data); len++) {
			reason = NULL;
			ck_assert_int_eq(
			    decode_exactly(data, len, &request, &reason),
			    -EPROTO);
			ck_assert_pstr_eq(reason, telling[_i].reason);
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
	uint8_t data[sizeof(example)], again[PROTOCOL_REQUEST_MAX_LEN];

	for (unsigned value = 0; value <= 255; value++) {
		const char *reason = NULL;
		struct request request;
		ssize_t taken;

		memcpy(data, example, sizeof(data));
		data[_i] = (uint8_t)value;
		taken = decode_exactly(data, sizeof(data), &request, &reason);
		ck_assert_int_le(taken, (ssize_t)sizeof(data));
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
	tcase_add_test(valid, payload_behind_the_request_is_left_alone);
	suite_add_tcase(suite, valid);

	tcase_add_loop_test(invalid,
	    a_wrong_byte_is_noticed_as_soon_as_it_arrives, 0, COUNT(telling));
	tcase_add_loop_test(invalid,
	    another_protocol_is_refused_by_its_first_byte, 0, COUNT(strangers));
	tcase_add_loop_test(invalid,
	    one_changed_byte_never_makes_it_read_beyond_the_data, 0,
	    COUNT(example));
	suite_add_tcase(suite, invalid);
	return suite;
}
