#include "base/passing.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

static int ours, theirs;

static void
open_pair(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ours = pair[0];
	theirs = pair[1];
	passing_prepare(ours);
	passing_prepare(theirs);
}

static void
close_pair(void)
{
	close(ours);
	close(theirs);
}

/* count times the same descriptor. */
static struct passing
message_of(uint32_t count, uint8_t *data, uint32_t len)
{
	struct passing message = { .kind = 7, .len = len, .data = data };

	for (message.fd_count = 0; message.fd_count < count;)
		message.fds[message.fd_count++] = ours;
	return message;
}

static size_t
open_count(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 2048; fd++)
		count += dup2(fd, fd) == fd;
	return count;
}

START_TEST(a_message_brings_its_data_and_descriptors)
{
	uint8_t data[] = "what it says";
	struct passing sent = message_of(PASSING_MAX_FDS, data, sizeof(data));
	struct passing got;
	size_t before;

	open_pair();
	before = open_count();
	sent = message_of(PASSING_MAX_FDS, data, sizeof(data));
	ck_assert_int_eq(passing_send(ours, &sent), 0);
	ck_assert_int_eq(passing_say(ours, 8, NULL, 0), 0);
	ck_assert_int_eq(passing_receive(theirs, &got), 0);
	ck_assert_uint_eq(got.kind, 7);
	ck_assert_uint_eq(got.len, sizeof(data));
	ck_assert_mem_eq(got.data, data, sizeof(data));
	ck_assert_uint_eq(got.fd_count, PASSING_MAX_FDS);
	ck_assert_uint_eq(open_count(), before + PASSING_MAX_FDS);
	passing_finish(&got);
	ck_assert_uint_eq(open_count(), before);
	ck_assert_int_eq(passing_receive(theirs, &got), 0);
	ck_assert_uint_eq(got.kind, 8);
	ck_assert_uint_eq(got.fd_count, 0);
	passing_finish(&got);
	close_pair();
}
END_TEST

START_TEST(more_than_the_kernel_takes_is_refused)
{
	struct passing sent = { .fd_count = PASSING_MAX_FDS + 1 };

	ck_assert_int_eq(passing_send(-1, &sent), -EMSGSIZE);
	sent = (struct passing){ .len = PASSING_MAX_LEN + 1 };
	ck_assert_int_eq(passing_send(-1, &sent), -EMSGSIZE);
}
END_TEST

START_TEST(a_receiver_without_room_for_descriptors_keeps_none)
{
	struct rlimit limit;
	struct passing sent, got;
	size_t before;

	open_pair();
	sent = message_of(20, NULL, 0);
	ck_assert_int_eq(passing_send(ours, &sent), 0);
	before = open_count();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)theirs + 10;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(passing_receive(theirs, &got), -EMFILE);
	ck_assert_uint_eq(open_count(), before);
	close_pair();
}
END_TEST

/* What comes instead of a message, and then the end. */
static const struct {
	const char *text;
	size_t len;
	int error;
} bad[] = {
	{ "", 0, -ECONNRESET },
	{ "{\"error\":\"unknown request\"}\n", 28, -EPROTO },
	{ "short", 5, -EPROTO },
	/* Without a single byte of 4 that the header announces. */
	{ "1MPS\1\0\0\0\4\0\0\0\0\0\0\0", 16, -ECONNRESET },
	/* It announces a descriptor, too much data, another version. */
	{ "1MPS\1\0\0\0\0\0\0\0\1\0\0\0", 16, -EPROTO },
	{ "1MPS\1\0\0\0\0\0\0\377\0\0\0\0", 16, -EPROTO },
	{ "2MPS\1\0\0\0\0\0\0\0\0\0\0\0", 16, -EPROTO },
};

START_TEST(what_is_no_whole_message_is_refused)
{
	struct passing got;

	open_pair();
	ck_assert_int_eq(passing_write(ours, bad[_i].text, bad[_i].len), 0);
	close(ours);
	ck_assert_int_eq(passing_receive(theirs, &got), bad[_i].error);
	close(theirs);
}
END_TEST

/* A process that has died between two messages is the next one's to inherit. */
START_TEST(the_peers_end_has_one_name_for_all_calls)
{
	uint8_t data[] = "x";
	struct passing sent, got;

	open_pair();
	sent = message_of(1, data, sizeof(data));
	close(theirs);
	ck_assert_int_eq(passing_say(ours, 8, NULL, 0), -ECONNRESET);
	ck_assert_int_eq(passing_send(ours, &sent), -ECONNRESET);
	ck_assert_int_eq(passing_write(ours, data, 1), -ECONNRESET);
	ck_assert_int_eq(passing_receive(ours, &got), -ECONNRESET);
	close(ours);
}
END_TEST

START_TEST(nobody_listens_at_a_path)
{
	char longest[200];

	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_int_eq(passing_connect("/nowhere/socket"), -ENOENT);
	ck_assert_int_eq(passing_connect(longest), -ENAMETOOLONG);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("passing");
	TCase *passing = tcase_create("passing");

	tcase_add_test(passing, a_message_brings_its_data_and_descriptors);
	tcase_add_test(passing, more_than_the_kernel_takes_is_refused);
	tcase_add_test(
	    passing, a_receiver_without_room_for_descriptors_keeps_none);
	tcase_add_loop_test(
	    passing, what_is_no_whole_message_is_refused, 0, COUNT(bad));
	tcase_add_test(passing, the_peers_end_has_one_name_for_all_calls);
	tcase_add_test(passing, nobody_listens_at_a_path);
	suite_add_tcase(suite, passing);
	return suite;
}
