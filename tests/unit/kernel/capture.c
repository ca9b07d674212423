#include "kernel/capture.h"

#include <string.h>

#include "suite.h"

#define PORT 0x5545

/* To that port, from 198.51.100.7 and from 2001:db8::7. */
static const uint8_t v4[] = { 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 198, 51,
	100, 7, 192, 0, 2, 2, 0x12, 0x34, 0x55, 0x45 };
static const uint8_t v6[] = { 0x60, 0, 0, 0, 0, 20, 6, 64, 0x20, 0x01, 0x0d,
	0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0x20, 0x01, 0x0d, 0xb8, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x12, 0x34, 0x55, 0x45 };

static const struct {
	const uint8_t *packet;
	size_t len, protocol_at;
	const char *user, *other;
} cases[] = {
	{ v4, sizeof(v4), 9, "198.51.100.7", "198.51.100.8" },
	{ v6, sizeof(v6), 6, "2001:db8::7", "2001:db8::8" },
};

static bool
is_packet(const uint8_t *packet, size_t len, const char *user, uint16_t port)
{
	union address from, to;
	bool is_v6 = strchr(user, ':');

	ck_assert(address_parse(user, &from));
	ck_assert(address_parse(is_v6 ? "2001:db8::2" : "192.0.2.2", &to));
	address_set_port(&to, port);
	return capture_is_segment(packet, len, &from, &to);
}

START_TEST(a_packet_of_the_user_is_told_from_others)
{
	const char *user = cases[_i].user;
	size_t len = cases[_i].len;
	uint8_t packet[64];

	memcpy(packet, cases[_i].packet, len);
	ck_assert(is_packet(packet, len, user, PORT));
	ck_assert(!is_packet(packet, len, cases[_i].other, PORT));
	ck_assert(!is_packet(packet, len, cases[!_i].user, PORT));
	ck_assert(!is_packet(packet, len, user, PORT + 1));
	ck_assert(is_packet(packet, len, user, 0));
	ck_assert(!is_packet(packet, len, user, PORT ^ 0x100));
	packet[len - 5] ^= 1;
	ck_assert(!is_packet(packet, len, user, PORT));
	packet[len - 5] ^= 1;
	packet[cases[_i].protocol_at] = IPPROTO_UDP;
	ck_assert(!is_packet(packet, len, user, PORT));
}
END_TEST

/* Who has 198.51.100.7, and who has 2001:db8::7? */
static const uint8_t arp[] = { 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0,
	2, 2, 0, 0, 0, 0, 0, 0, 198, 51, 100, 7 };
static const uint8_t solicitation[] = { 0x60, 0, 0, 0, 0, 24, 58, 255, 0xfe,
	0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0xff, 2, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 1, 0xff, 0, 0, 7, 135, 0, 0, 0, 0, 0, 0, 0, 0x20, 0x01,
	0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7 };

static const struct {
	const uint8_t *packet;
	size_t len, kind_at;
	const char *user, *other;
} questions[] = {
	{ arp, sizeof(arp), 7, "198.51.100.7", "198.51.100.8" },
	{ solicitation, sizeof(solicitation), 40, "2001:db8::7",
	    "2001:db8::8" },
};

START_TEST(a_question_about_the_user_is_told_from_others)
{
	size_t len = questions[_i].len;
	union address user, other, stranger;
	uint8_t packet[64];

	memcpy(packet, questions[_i].packet, len);
	ck_assert(address_parse(questions[_i].user, &user));
	ck_assert(address_parse(questions[_i].other, &other));
	ck_assert(address_parse(questions[!_i].user, &stranger));
	ck_assert(capture_is_question(packet, len, &user));
	ck_assert(!capture_is_question(packet, len, &other));
	ck_assert(!capture_is_question(packet, len, &stranger));
	for (size_t cut = 0; cut < len; cut++)
		ck_assert(!capture_is_question(packet, cut, &user));
	packet[questions[_i].kind_at]++;
	ck_assert(!capture_is_question(packet, len, &user));
}
END_TEST

START_TEST(a_packet_that_is_cut_off_is_none)
{
	uint8_t packet[64];

	/* The bytes behind the end would make it a match. */
	memcpy(packet, cases[_i].packet, cases[_i].len);
	for (size_t len = 0; len < cases[_i].len; len++)
		ck_assert(!is_packet(packet, len, cases[_i].user, PORT));
}
END_TEST

START_TEST(options_in_front_of_the_ports_are_passed_over)
{
	uint8_t packet[64] = { 0 };

	memcpy(packet, v4, 20);
	packet[0] = 0x46;
	memcpy(packet + 24, v4 + 20, 4);
	ck_assert(is_packet(packet, 28, cases[0].user, PORT));
	ck_assert(!is_packet(packet, 24, cases[0].user, PORT));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("capture");
	TCase *tcase = tcase_create("packet");

	tcase_add_loop_test(
	    tcase, a_packet_of_the_user_is_told_from_others, 0, COUNT(cases));
	tcase_add_loop_test(
	    tcase, a_packet_that_is_cut_off_is_none, 0, COUNT(cases));
	tcase_add_loop_test(tcase,
	    a_question_about_the_user_is_told_from_others, 0, COUNT(questions));
	tcase_add_test(tcase, options_in_front_of_the_ports_are_passed_over);
	suite_add_tcase(suite, tcase);
	return suite;
}
