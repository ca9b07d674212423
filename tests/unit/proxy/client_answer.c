#include "proxy/client_answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/wall_clock.h"
#include "proxy/protocol.h"
#include "suite.h"

static const struct {
	uint8_t status;
	int error;
	const char *reason;
} known[] = {
	{ 0, -EPROTO,
	    "refused by the server half: it does not speak this version" },
	{ 32, -EACCES, "refused by the server half: not authorized" },
	{ 44, -EDQUOT,
	    "refused by the server half: the user has reached "
	    "max_connections" },
	{ 96, -ECONNREFUSED, "the destination refused" },
	{ 98, -ETIMEDOUT, "the destination did not answer" },
	/* Of a later version: by the class. */
	{ 31, -EPROTO,
	    "refused by the server half: it does not take the request" },
	{ 63, -EACCES,
	    "refused by the server half: this request is not allowed" },
	{ 95, -ENOBUFS, "refused by the server half: it has failed" },
	{ 127, -EHOSTUNREACH, "the destination has failed" },
	{ 129, -EPROTO,
	    "refused by the server half: it answers with bytes that are no "
	    "answer" },
	{ 255, -EPROTO,
	    "refused by the server half: it answers with bytes that are no "
	    "answer" },
};

START_TEST(a_status_has_a_cause)
{
	char text[CLIENT_ANSWER_STRLEN];

	ck_assert_int_eq(
	    client_answer_read(&known[_i].status, 1), known[_i].error);
	ck_assert_str_eq(
	    client_answer_reason(&known[_i].status, 1, text), known[_i].reason);
}
END_TEST

START_TEST(only_one_status_accepts_and_only_one_is_longer)
{
	for (int status = 0; status < 256; status++) {
		uint8_t byte = (uint8_t)status;
		int error = client_answer_read(&byte, 1);

		if (status == PROTOCOL_CONNECTED)
			ck_assert_int_eq(error, 0);
		else if (status == PROTOCOL_CLOCK_OFF)
			ck_assert_int_eq(error, -EAGAIN);
		else
			ck_assert(error < 0 && error != -EAGAIN);
	}
}
END_TEST

/* How far this clock is ahead, and what is said of it. */
static const struct {
	int ahead_s;
	const char *end;
} clocks[] = { { 100, " s ahead" }, { -100, " s behind" } };

START_TEST(a_clock_that_is_off_is_said_with_by_how_much)
{
	uint8_t answer[CLIENT_ANSWER_MAX_LEN] = { PROTOCOL_CLOCK_OFF };
	char text[CLIENT_ANSWER_STRLEN], word[8];
	double seconds;

	protocol_encode_time(
	    (uint64_t)(time(NULL) - clocks[_i].ahead_s) * 1000, answer + 1);
	ck_assert_int_eq(client_answer_read(answer, 8), -EAGAIN);
	ck_assert_int_lt(client_answer_read(answer, 9), 0);
	client_answer_reason(answer, 9, text);
	ck_assert_int_eq(sscanf(text,
			     "refused by the server half: the clocks differ "
			     "too much: this host is %lf s %7s",
			     &seconds, word),
	    2);
	ck_assert(seconds > 50 && seconds < 150);
	ck_assert_ptr_nonnull(strstr(text, clocks[_i].end));
}
END_TEST

/* The clocks agree, so it was the request that came late. */
START_TEST(a_request_that_was_late_is_not_laid_upon_the_clocks)
{
	uint8_t answer[CLIENT_ANSWER_MAX_LEN] = { PROTOCOL_CLOCK_OFF };
	char text[CLIENT_ANSWER_STRLEN];

	protocol_encode_time(wall_clock_now() - 10000, answer + 1);
	client_answer_reason(answer, 9, text);
	ck_assert_ptr_nonnull(strstr(text,
	    " half: the request was too long on "
	    "its way, and the clocks agree: "
	    "this host is 1"));
	ck_assert_ptr_nonnull(strstr(text, " s ahead"));
}
END_TEST

static void
check_clock(uint64_t time_ms, const char *end)
{
	uint8_t answer[CLIENT_ANSWER_MAX_LEN] = { PROTOCOL_CLOCK_OFF };
	char text[CLIENT_ANSWER_STRLEN];
	const char *clock;

	protocol_encode_time(time_ms, answer + 1);
	client_answer_cause(answer, sizeof(answer), text);
	clock = strstr(text, "this host is ");
	ck_assert_ptr_nonnull(clock);
	ck_assert_ptr_null(strchr(clock, '-'));
	ck_assert_str_eq(strchr(clock, '.') + strlen(".123"), end);
}

/* A server half may say any time. */
START_TEST(a_clock_at_either_end_of_64_bits_is_said_too)
{
	check_clock(0, " s ahead");
	check_clock(UINT64_MAX / 2, " s behind");
	check_clock(UINT64_MAX, " s behind");
	/* Within the same millisecond the difference is INT64_MIN. */
	for (int i = 0; i < 100; i++)
		check_clock(wall_clock_now() ^ (1ULL << 63), " s behind");
}
END_TEST

static int
receive(const char *sent, size_t len, size_t *received)
{
	uint8_t answer[CLIENT_ANSWER_MAX_LEN];
	int ends[2], error;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(write(ends[1], sent, len), len);
	shutdown(ends[1], SHUT_WR);
	error = client_answer_receive(
	    ends[0], deadline_after(60000), answer, received);
	ck_assert_mem_eq(answer, sent, *received);
	close(ends[0]);
	close(ends[1]);
	return error;
}

START_TEST(an_answer_is_read_up_to_its_end)
{
	size_t len;

	ck_assert_int_eq(receive("\200stream", 7, &len), 0);
	ck_assert_uint_eq(len, 1);
	ck_assert_int_eq(receive("\050123456789", 10, &len), 0);
	ck_assert_uint_eq(len, 9);
	for (size_t part = 0; part < CLIENT_ANSWER_MAX_LEN; part++) {
		ck_assert_int_eq(receive("\05012345678", part, &len), -ENODATA);
		ck_assert_uint_eq(len, part);
	}
}
END_TEST

START_TEST(an_answer_that_does_not_come_is_not_awaited_for_ever)
{
	uint8_t answer[CLIENT_ANSWER_MAX_LEN];
	size_t len;
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(
	    client_answer_receive(ends[0], deadline_after(10), answer, &len),
	    -ETIMEDOUT);
	ck_assert_uint_eq(len, 0);
}
END_TEST

/* The first byte tells the version, and the users wait for that. */
START_TEST(the_rest_of_an_answer_is_not_awaited_until_the_deadline)
{
	uint8_t answer[CLIENT_ANSWER_MAX_LEN];
	size_t len;
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(write(ends[1], "\0501", 2), 2);
	ck_assert_int_eq(
	    client_answer_receive(ends[0], DEADLINE_NEVER, answer, &len),
	    -ETIMEDOUT);
	ck_assert_uint_eq(len, 2);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("client_answer");
	TCase *answers = tcase_create("answers");

	tcase_add_loop_test(answers, a_status_has_a_cause, 0, COUNT(known));
	tcase_add_test(answers, only_one_status_accepts_and_only_one_is_longer);
	tcase_add_loop_test(answers,
	    a_clock_that_is_off_is_said_with_by_how_much, 0, COUNT(clocks));
	tcase_add_test(
	    answers, a_request_that_was_late_is_not_laid_upon_the_clocks);
	tcase_add_test(answers, a_clock_at_either_end_of_64_bits_is_said_too);
	tcase_add_test(answers, an_answer_is_read_up_to_its_end);
	tcase_add_test(
	    answers, an_answer_that_does_not_come_is_not_awaited_for_ever);
	tcase_add_test(
	    answers, the_rest_of_an_answer_is_not_awaited_until_the_deadline);
	suite_add_tcase(suite, answers);
	return suite;
}
