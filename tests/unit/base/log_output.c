#include "base/log_output.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"
#include "suite.h"

#define LINE "info tick\n"
/* No receive buffer has room for this many. */
#define TOO_MANY 100000

static bool
write_line(void)
{
	return log_output_write(LINE, strlen(LINE));
}

/* The form in which JOURNAL_STREAM names the socket of standard error. */
static void
name_journal(int error_of_inode)
{
	struct stat status;
	char text[64];

	ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
	sprintf(text, "%ju:%ju", (uintmax_t)status.st_dev,
	    (uintmax_t)status.st_ino + (uintmax_t)error_of_inode);
	setenv("JOURNAL_STREAM", text, 1);
}

START_TEST(the_journal_is_given_a_priority_instead_of_a_time)
{
	char head[LOG_OUTPUT_HEAD_MAX_LEN];
	int fd = capture_socket();

	name_journal(0);
	log_output_open_stderr();
	ck_assert_uint_eq(log_output_format_head(head, LOG_WARNING), 3);
	ck_assert_str_eq(head, "<4>");
	ck_assert(write_line());
	ck_assert_str_eq(capture_read(fd), LINE);
}
END_TEST

/*
 * Child processes inherit the variable, although their output goes elsewhere.
 */
START_TEST(a_socket_that_is_not_the_journals_is_given_a_time)
{
	char head[LOG_OUTPUT_HEAD_MAX_LEN];

	capture_socket();
	name_journal(1);
	log_output_open_stderr();
	log_output_format_head(head, LOG_WARNING);
	ck_assert_str_eq(capture_untimed(head), "");
}
END_TEST

START_TEST(a_pipe_is_never_the_journal)
{
	char head[LOG_OUTPUT_HEAD_MAX_LEN];

	capture_pipe(4096);
	name_journal(0);
	log_output_open_stderr();
	log_output_format_head(head, LOG_WARNING);
	ck_assert_str_eq(capture_untimed(head), "");
}
END_TEST

/* Makes an own /dev; false if that is not permitted. */
static bool
enter_own_dev(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("none", "/dev", "tmpfs", 0, NULL) == 0;
}

static int
start_syslogd(void)
{
	struct sockaddr_un address = { AF_UNIX, "/dev/log" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(
	    bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
stop_syslogd(int fd)
{
	close(fd);
	unlink("/dev/log");
}

START_TEST(syslogd_is_given_a_datagram_of_rfc_3164)
{
	char head[LOG_OUTPUT_HEAD_MAX_LEN], expected[LOG_OUTPUT_HEAD_MAX_LEN];
	struct tm local = { .tm_isdst = -1 };
	time_t now;
	int fd;

	if (!enter_own_dev())
		return;
	setenv("TZ", "NEVERLAND-5:30", 1);
	fd = start_syslogd();
	ck_assert_int_eq(log_output_open_syslog(), 0);
	now = time(NULL);
	log_output_format_head(head, LOG_ERR);
	ck_assert_ptr_nonnull(strptime(head, "<27>%b %d %H:%M:%S", &local));
	local.tm_year = gmtime(&now)->tm_year;
	ck_assert_int_le(labs((long)(mktime(&local) - now)), 60);
	sprintf(expected, " srcproxy[%d]: ", (int)getpid());
	ck_assert_str_eq(head + strlen("<27>Jan 31 12:00:00"), expected);
	ck_assert(write_line());
	ck_assert_str_eq(capture_read(fd), "info tick");
}
END_TEST

START_TEST(a_syslogd_that_does_not_read_is_not_waited_for)
{
	int fd, written = 0, read = 0;

	if (!enter_own_dev())
		return;
	fd = start_syslogd();
	ck_assert_int_eq(log_output_open_syslog(), 0);
	while (written < TOO_MANY && write_line())
		written++;
	ck_assert_int_lt(written, TOO_MANY);
	ck_assert(!write_line());
	while (*capture_read(fd))
		read++;
	ck_assert_int_eq(read, written);
	ck_assert(write_line());
}
END_TEST

START_TEST(a_syslogd_that_comes_late_is_found)
{
	int fd;

	if (!enter_own_dev())
		return;
	ck_assert_int_eq(log_output_open_syslog(), -ENOENT);
	ck_assert(!write_line());
	fd = start_syslogd();
	ck_assert(write_line());
	ck_assert_str_eq(capture_read(fd), "info tick");
}
END_TEST

START_TEST(a_syslogd_that_was_started_again_is_found)
{
	int fd;

	if (!enter_own_dev())
		return;
	fd = start_syslogd();
	ck_assert_int_eq(log_output_open_syslog(), 0);
	ck_assert(write_line());
	stop_syslogd(fd);
	ck_assert(!write_line());
	fd = start_syslogd();
	ck_assert(write_line());
	ck_assert_str_eq(capture_read(fd), "info tick");
	stop_syslogd(fd);
	fd = start_syslogd();
	ck_assert(write_line());
	ck_assert_str_eq(capture_read(fd), "info tick");
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("log_output");
	TCase *standard_error = tcase_create("stderr");
	TCase *syslog = tcase_create("syslog");

	tcase_add_test(
	    standard_error, the_journal_is_given_a_priority_instead_of_a_time);
	tcase_add_test(
	    standard_error, a_socket_that_is_not_the_journals_is_given_a_time);
	tcase_add_test(standard_error, a_pipe_is_never_the_journal);
	suite_add_tcase(suite, standard_error);

	tcase_add_test(syslog, syslogd_is_given_a_datagram_of_rfc_3164);
	tcase_add_test(syslog, a_syslogd_that_does_not_read_is_not_waited_for);
	tcase_add_test(syslog, a_syslogd_that_comes_late_is_found);
	tcase_add_test(syslog, a_syslogd_that_was_started_again_is_found);
	suite_add_tcase(suite, syslog);
	return suite;
}
