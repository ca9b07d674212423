#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "capture.h"
#include "suite.h"

#define PIPE_SIZE (16 * 1024)
#define LINE_MAX_LEN 1000
#define THREADS 4
#define ROUNDS 500

typedef void log_function(const char *format, ...);

static const struct {
	log_function *log;
	const char *line;
	bool always; /* at each level */
} kinds[] = {
	{ log_error, "error cut address=192.0.2.1:80 bytes=7\n", true },
	{ log_warning, "warning cut address=192.0.2.1:80 bytes=7\n", true },
	{ log_info, "info cut address=192.0.2.1:80 bytes=7\n", false },
	{ log_answer, "info cut address=192.0.2.1:80 bytes=7\n", true },
};

START_TEST(a_line_is_a_time_a_level_and_the_text)
{
	int fd = capture_pipe(PIPE_SIZE);

	log_open(LOG_LEVEL_INFO);
	ck_assert(log_shows_info());
	kinds[_i].log("cut address=%s:%d bytes=%u", "192.0.2.1", 80, 7u);
	ck_assert_str_eq(capture_untimed(capture_read(fd)), kinds[_i].line);
}
END_TEST

START_TEST(at_level_error_only_errors_and_warnings_are_logged)
{
	int fd = capture_pipe(PIPE_SIZE);

	log_open(LOG_LEVEL_ERROR);
	ck_assert(!log_shows_info());
	kinds[_i].log("cut address=%s:%d bytes=%u", "192.0.2.1", 80, 7u);
	if (kinds[_i].always)
		ck_assert_str_eq(
		    capture_untimed(capture_read(fd)), kinds[_i].line);
	else
		ck_assert_str_eq(capture_read(fd), "");
}
END_TEST

static const struct {
	const char *text, *logged;
} strange[] = {
	{ "a\nb", "a?b" },
	{ "\r\t\x1b[2J\x7f", "???[2J?" },
	{ "\xc2\x9b\xe2\x80\xae", "?????" }, /* U+009B, U+202E */
	{ "\xff\xc3", "??" },
	{ "/etc/gr\xc3\xbc\xc3\x9f e.json", "/etc/gr\xc3\xbc\xc3\x9f e.json" },
};

START_TEST(what_is_logged_forges_no_line_and_moves_no_cursor)
{
	int fd = capture_pipe(PIPE_SIZE);
	char expected[64];

	log_open(LOG_LEVEL_INFO);
	log_error("%s", strange[_i].text);
	snprintf(expected, sizeof(expected), "error %s\n", strange[_i].logged);
	ck_assert_str_eq(capture_untimed(capture_read(fd)), expected);
}
END_TEST

/* time(2) would be wrong: its clock may be some milliseconds late. */
static time_t
now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

START_TEST(the_time_is_now_in_utc)
{
	int fd = capture_pipe(PIPE_SIZE);
	time_t before = now(), logged;
	struct tm utc = { .tm_isdst = 0 };

	setenv("TZ", "NEVERLAND-5:30", 1);
	tzset();
	log_open(LOG_LEVEL_INFO);
	log_info("tick");
	ck_assert_ptr_nonnull(
	    strptime(capture_read(fd), "%Y-%m-%dT%H:%M:%S", &utc));
	logged = timegm(&utc);
	ck_assert_int_ge(logged, before);
	ck_assert_int_le(logged, now());
}
END_TEST

START_TEST(a_line_is_one_write)
{
	int fd = capture_socket();

	log_open(LOG_LEVEL_INFO);
	log_info("first");
	log_warning("second %d", 2);
	ck_assert_str_eq(capture_untimed(capture_read(fd)), "info first\n");
	ck_assert_str_eq(
	    capture_untimed(capture_read(fd)), "warning second 2\n");
	ck_assert_str_eq(capture_read(fd), "");
}
END_TEST

/* From lengths that fit to the first ones that do not. */
START_TEST(a_line_is_cut_at_its_greatest_length)
{
	size_t head_len = strlen("2026-01-31T12:00:00.000Z info ");
	size_t len = LINE_MAX_LEN - 5 + (size_t)_i - head_len;
	char *text = malloc(len + 1);
	int fd = capture_pipe(PIPE_SIZE);
	const char *line;

	memset(text, 'x', len);
	text[len] = '\0';
	log_open(LOG_LEVEL_INFO);
	log_info("%s", text);
	line = capture_read(fd);
	if (head_len + len + 1 < LINE_MAX_LEN)
		ck_assert_uint_eq(strlen(line), head_len + len + 1);
	else
		ck_assert_uint_eq(strlen(line), LINE_MAX_LEN);
	ck_assert_str_eq(line + strlen(line) - 2, "x\n");
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
	free(text);
}
END_TEST

START_TEST(a_line_that_is_very_long_is_cut_too)
{
	char *text = malloc(100000);
	int fd = capture_pipe(PIPE_SIZE);

	memset(text, 'x', 99999);
	text[99999] = '\0';
	log_open(LOG_LEVEL_INFO);
	log_error("%s", text);
	ck_assert_uint_eq(strlen(capture_read(fd)), LINE_MAX_LEN);
	free(text);
}
END_TEST

/* Counts the lines that arrived; each must be such a line and whole. */
static int
count_lines(const char *text, const char *expected)
{
	int count = 0;

	for (; *text; count++) {
		const char *line = capture_untimed(text);

		ck_assert_int_eq(strncmp(line, expected, strlen(expected)), 0);
		text = line + strlen(expected);
	}
	return count;
}

/* If it waited, it would hang until Check ends it. */
START_TEST(lines_that_do_not_fit_into_a_pipe_are_dropped_and_counted)
{
	int fd = capture_pipe(PIPE_SIZE), arrived;
	char expected[64];
	const char *line;

	log_open(LOG_LEVEL_INFO);
	for (int i = 0; i < 1000; i++)
		log_info("more and more");
	arrived = count_lines(capture_read(fd), "info more and more\n");
	ck_assert_int_gt(arrived, 10);
	ck_assert_int_lt(arrived, 1000);
	log_info("again");
	sprintf(expected, "warning log-lost lines=%d ", 1000 - arrived);
	line = capture_untimed(capture_read(fd));
	ck_assert_int_eq(strncmp(line, expected, strlen(expected)), 0);
	line = strchr(line, '\n') + 1;
	ck_assert_str_eq(capture_untimed(line), "info again\n");
	log_info("and no more");
	ck_assert_str_eq(
	    capture_untimed(capture_read(fd)), "info and no more\n");
}
END_TEST

static void *
read_slowly(void *argument)
{
	int fd = *(int *)argument;
	char piece[100];
	size_t total = 0;
	ssize_t len;

	while ((len = read(fd, piece, sizeof(piece))) != 0) {
		if (len > 0)
			total += (size_t)len;
		else
			sched_yield();
		if (memchr(piece, '!', len > 0 ? (size_t)len : 0))
			break;
	}
	*(int *)argument = (int)total;
	return NULL;
}

START_TEST(who_awaits_a_slow_reader_loses_nothing)
{
	int fd = capture_pipe(PIPE_SIZE), read_len = fd;
	pthread_t thread;

	log_open(LOG_LEVEL_INFO);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, read_slowly, &read_len), 0);
	for (int i = 0; i < 3000; i++) {
		log_await(DEADLINE_NEVER);
		log_info("more and more");
	}
	log_await(DEADLINE_NEVER);
	log_info("enough!");
	pthread_join(thread, NULL);
	ck_assert_int_eq(read_len,
	    (int)strlen("2026-01-31T12:00:00.000Z info more and more\n") *
		    3000 +
		(int)strlen("2026-01-31T12:00:00.000Z info enough!\n"));
}
END_TEST

START_TEST(who_awaits_a_reader_that_is_stuck_goes_on_at_the_deadline)
{
	int64_t deadline;

	capture_pipe(PIPE_SIZE);
	log_open(LOG_LEVEL_INFO);
	for (int i = 0; i < 1000; i++)
		log_info("more and more");
	deadline = deadline_after(100);
	log_await(deadline);
	ck_assert_int_ge(deadline_now(), deadline);
	log_await(deadline);
}
END_TEST

/* Nobody reads. A pause of this thread looks like no room, and harms nothing. */
START_TEST(who_awaits_the_reader_leaves_room_for_the_lines_of_others)
{
	int fd = capture_pipe(PIPE_SIZE), written = 0;
	int64_t deadline;

	log_open(LOG_LEVEL_INFO);
	for (;;) {
		deadline = deadline_after(50);
		log_await(deadline);
		if (deadline_left(deadline) == 0)
			break;
		log_info("more and more");
		written++;
	}
	for (int i = 0; i < written / 2; i++)
		log_info("more and more");
	ck_assert_int_eq(count_lines(capture_read(fd), "info more and more\n"),
	    written + written / 2);
}
END_TEST

START_TEST(lines_that_do_not_fit_into_a_socket_are_dropped_and_counted)
{
	int fd = capture_socket(), arrived = 0;
	char expected[64];
	const char *line;

	log_open(LOG_LEVEL_INFO);
	for (int i = 0; i < 10000; i++)
		log_info("more and more");
	while (*(line = capture_read(fd)))
		arrived += count_lines(line, "info more and more\n");
	ck_assert_int_gt(arrived, 10);
	ck_assert_int_lt(arrived, 10000);
	log_info("again");
	sprintf(expected, "warning log-lost lines=%d ", 10000 - arrived);
	line = capture_untimed(capture_read(fd));
	ck_assert_int_eq(strncmp(line, expected, strlen(expected)), 0);
	ck_assert_str_eq(capture_untimed(capture_read(fd)), "info again\n");
}
END_TEST

/*
 * Other processes, like the shell that started us, write to the same
 * description.
 */
START_TEST(the_description_of_others_is_left_blocking)
{
	capture_pipe(PIPE_SIZE);
	log_open(LOG_LEVEL_INFO);
	log_info("tick");
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

START_TEST(a_file_takes_every_line)
{
	char path[] = "/tmp/srcproxy-test-XXXXXX";
	int fd = mkstemp(path), read_fd = open(path, O_RDONLY);

	unlink(path);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_LEVEL_INFO);
	for (int i = 0; i < 1000; i++)
		log_info("tick");
	ck_assert_int_eq(
	    count_lines(capture_read(read_fd), "info tick\n"), 1000);
	close(read_fd);
	close(fd);
}
END_TEST

START_TEST(a_log_that_is_not_there_is_no_trouble)
{
	close(STDERR_FILENO);
	log_open(LOG_LEVEL_INFO);
	log_error("nobody reads this");
	log_info("nor this");
}
END_TEST

struct writer {
	pthread_t thread;
	char letters[401];
};

static atomic_int writing;

static void *
run_writer(void *argument)
{
	struct writer *writer = argument;

	for (int i = 0; i < ROUNDS; i++)
		log_info("%s", writer->letters);
	atomic_fetch_sub(&writing, 1);
	return NULL;
}

/* Reads all their lines as fast as they come, which may not be fast enough. */
static char *
read_writers(int fd, struct writer *writers)
{
	char *text = calloc(1, THREADS * ROUNDS * 600);
	size_t len = 0;

	while (atomic_load(&writing) > 0)
		len += strlen(strcpy(text + len, capture_read(fd)));
	for (int i = 0; i < THREADS; i++)
		pthread_join(writers[i].thread, NULL);
	strcpy(text + len, capture_read(fd));
	return text;
}

/* Returns the number of lines that this line stands for. */
static unsigned
check_writers_line(const char *line)
{
	const char *text = capture_untimed(line);
	unsigned lost;
	size_t len;

	if (sscanf(text, "warning log-lost lines=%u ", &lost) == 1)
		return lost;
	ck_assert_int_eq(strncmp(text, "info ", 5), 0);
	len = strspn(text + 5, (char[]){ text[5], '\0' });
	ck_assert_uint_eq(len, 400);
	ck_assert_int_eq(text[5 + len], '\n');
	return 1;
}

START_TEST(lines_of_many_threads_never_mix_and_none_goes_uncounted)
{
	struct writer writers[THREADS];
	int fd = capture_pipe(PIPE_SIZE);
	unsigned seen = 0;
	char *text;

	log_open(LOG_LEVEL_INFO);
	atomic_store(&writing, THREADS);
	for (int i = 0; i < THREADS; i++) {
		memset(writers[i].letters, 'a' + i, 400);
		writers[i].letters[400] = '\0';
		ck_assert_int_eq(pthread_create(&writers[i].thread, NULL,
				     run_writer, &writers[i]),
		    0);
	}
	text = read_writers(fd, writers);
	for (char *line = text; *line; line = strchr(line, '\n') + 1)
		seen += check_writers_line(line);
	free(text);
	/* The next line reports the last lost ones, and counts too. */
	log_info("%s", writers[0].letters);
	for (const char *line = capture_read(fd); *line;
	     line = strchr(line, '\n') + 1)
		seen += check_writers_line(line);
	ck_assert_uint_eq(seen, THREADS * ROUNDS + 1);
}
END_TEST

START_TEST(ten_in_ten_seconds_pass_a_limit)
{
	struct log_limit limit = { 0 };
	unsigned skipped = 99;

	for (int i = 0; i < 10; i++) {
		ck_assert(log_limit_pass(&limit, &skipped));
		ck_assert_uint_eq(skipped, 0);
	}
	skipped = 99;
	for (int i = 0; i < 25; i++)
		ck_assert(!log_limit_pass(&limit, &skipped));
	ck_assert_uint_eq(skipped, 99);
}
END_TEST

/* Pretends that the ten seconds are over. */
START_TEST(the_next_to_pass_is_told_how_many_did_not)
{
	struct log_limit limit = { 0 };
	unsigned skipped = 99;

	for (int i = 0; i < 35; i++)
		log_limit_pass(&limit, &skipped);
	limit.window_ends = 0;
	ck_assert(log_limit_pass(&limit, &skipped));
	ck_assert_uint_eq(skipped, 25);
	for (int i = 1; i < 10; i++) {
		ck_assert(log_limit_pass(&limit, &skipped));
		ck_assert_uint_eq(skipped, 0);
	}
	ck_assert(!log_limit_pass(&limit, &skipped));
}
END_TEST

/* Each limit is reported by its name, and only once. */
START_TEST(what_was_kept_back_is_told_at_the_end)
{
	static struct log_limit limits[] = {
		{ .name = "storms" },
		{ .name = "hail" },
		{ .name = "drizzle" },
	};
	int fd = capture_pipe(PIPE_SIZE);
	const char *text;
	unsigned skipped;

	log_open(LOG_LEVEL_ERROR);
	for (int i = 0; i < 10 + 7; i++)
		log_limit_pass(&limits[0], &skipped);
	for (int i = 0; i < 10 + 1; i++)
		log_limit_pass(&limits[1], &skipped);
	log_limit_pass(&limits[2], &skipped);
	/* A line may still report them. */
	log_report_skipped(false);
	ck_assert_str_eq(capture_read(fd), "");
	log_report_skipped(true);
	text = capture_read(fd);
	ck_assert_ptr_nonnull(
	    strstr(text, "warning not-shown lines=7 of=\"storms\"\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, "warning not-shown lines=1 of=\"hail\"\n"));
	ck_assert_ptr_null(strstr(text, "drizzle"));
	log_report_skipped(true);
	ck_assert_str_eq(capture_read(fd), "");
}
END_TEST

START_TEST(what_was_kept_back_is_told_when_its_window_is_over)
{
	static struct log_limit limit = { .name = "snow" };
	int fd = capture_pipe(PIPE_SIZE);
	unsigned skipped;

	log_open(LOG_LEVEL_ERROR);
	for (int i = 0; i < 10 + 3; i++)
		log_limit_pass(&limit, &skipped);
	log_report_skipped(false);
	ck_assert_str_eq(capture_read(fd), "");
	limit.window_ends = 0;
	log_report_skipped(false);
	ck_assert_ptr_nonnull(strstr(
	    capture_read(fd), "warning not-shown lines=3 of=\"snow\"\n"));
	ck_assert(log_limit_pass(&limit, &skipped));
	ck_assert_uint_eq(skipped, 0);
}
END_TEST

START_TEST(a_limit_without_a_name_is_its_owners_to_tell_of)
{
	struct log_limit limit = { 0 };
	int fd = capture_pipe(PIPE_SIZE);
	unsigned skipped;

	log_open(LOG_LEVEL_ERROR);
	for (int i = 0; i < 10 + 3; i++)
		log_limit_pass(&limit, &skipped);
	log_report_skipped(true);
	ck_assert_str_eq(capture_read(fd), "");
	ck_assert_uint_eq(log_limit_take(&limit, false), 0);
	ck_assert_uint_eq(log_limit_take(&limit, true), 3);
	ck_assert_uint_eq(log_limit_take(&limit, true), 0);
}
END_TEST

static struct log_limit shared_limit;

static void *
run_limited(void *argument)
{
	unsigned *passed = argument, skipped;

	for (int i = 0; i < ROUNDS; i++)
		*passed += log_limit_pass(&shared_limit, &skipped);
	return NULL;
}

START_TEST(threads_share_a_limit)
{
	pthread_t threads[THREADS];
	unsigned passed[THREADS] = { 0 }, total = 0, skipped;

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, run_limited, &passed[i]),
		    0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		total += passed[i];
	}
	ck_assert_uint_eq(total, 10);
	shared_limit.window_ends = 0;
	ck_assert(log_limit_pass(&shared_limit, &skipped));
	ck_assert_uint_eq(skipped, THREADS * ROUNDS - 10);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("log");
	TCase *line = tcase_create("line");
	TCase *sink = tcase_create("sink");
	TCase *limit = tcase_create("limit");

	tcase_add_loop_test(
	    line, a_line_is_a_time_a_level_and_the_text, 0, COUNT(kinds));
	tcase_add_loop_test(line,
	    at_level_error_only_errors_and_warnings_are_logged, 0,
	    COUNT(kinds));
	tcase_add_loop_test(line,
	    what_is_logged_forges_no_line_and_moves_no_cursor, 0,
	    COUNT(strange));
	tcase_add_test(line, the_time_is_now_in_utc);
	tcase_add_test(line, a_line_is_one_write);
	tcase_add_loop_test(line, a_line_is_cut_at_its_greatest_length, 0, 10);
	tcase_add_test(line, a_line_that_is_very_long_is_cut_too);
	suite_add_tcase(suite, line);

	tcase_add_test(
	    sink, lines_that_do_not_fit_into_a_pipe_are_dropped_and_counted);
	tcase_add_test(sink, who_awaits_a_slow_reader_loses_nothing);
	tcase_add_test(
	    sink, who_awaits_a_reader_that_is_stuck_goes_on_at_the_deadline);
	tcase_add_test(
	    sink, who_awaits_the_reader_leaves_room_for_the_lines_of_others);
	tcase_add_test(
	    sink, lines_that_do_not_fit_into_a_socket_are_dropped_and_counted);
	tcase_add_test(sink, the_description_of_others_is_left_blocking);
	tcase_add_test(sink, a_file_takes_every_line);
	tcase_add_test(sink, a_log_that_is_not_there_is_no_trouble);
	tcase_add_test(
	    sink, lines_of_many_threads_never_mix_and_none_goes_uncounted);
	suite_add_tcase(suite, sink);

	tcase_add_test(limit, ten_in_ten_seconds_pass_a_limit);
	tcase_add_test(limit, the_next_to_pass_is_told_how_many_did_not);
	tcase_add_test(limit, what_was_kept_back_is_told_at_the_end);
	tcase_add_test(
	    limit, what_was_kept_back_is_told_when_its_window_is_over);
	tcase_add_test(limit, a_limit_without_a_name_is_its_owners_to_tell_of);
	tcase_add_test(limit, threads_share_a_limit);
	suite_add_tcase(suite, limit);
	return suite;
}
