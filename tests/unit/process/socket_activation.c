#include "process/socket_activation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "suite.h"

static struct socket_activation given;

/* The number of those that are not stored, or a negative errno. */
static int
read_all(void)
{
	int error;

	free(given.fds);
	error = socket_activation_read(&given);
	return error ? error : given.count;
}

static int
count_of(const char *pid, const char *count)
{
	if (pid)
		setenv("LISTEN_PID", pid, 1);
	if (count)
		setenv("LISTEN_FDS", count, 1);
	setenv("LISTEN_FDNAMES", "gate", 1);
	return read_all();
}

static const char *
own_pid(void)
{
	static char text[16];

	snprintf(text, sizeof(text), "%ld", (long)getpid());
	return text;
}

START_TEST(sockets_for_this_process_are_counted)
{
	ck_assert_int_eq(count_of(own_pid(), "2"), 2);
	ck_assert_int_eq(count_of(own_pid(), "0"), 0);
}
END_TEST

START_TEST(without_both_variables_there_are_none)
{
	ck_assert_int_eq(count_of(NULL, NULL), 0);
	ck_assert_int_eq(count_of(own_pid(), NULL), 0);
	ck_assert_int_eq(count_of(NULL, "2"), 0);
}
END_TEST

START_TEST(sockets_for_another_process_are_left_alone)
{
	ck_assert_int_eq(count_of("1", "2"), 0);
}
END_TEST

START_TEST(what_was_stored_is_told_by_its_name)
{
	static const int fds[] = { 4, 7, 6, 5, 3 };

	setenv("LISTEN_PID", own_pid(), 1);
	setenv("LISTEN_FDS", "5", 1);
	setenv("LISTEN_FDNAMES", "stored:stored2:stored:stored:", 1);
	ck_assert_int_eq(socket_activation_read(&given), 0);
	ck_assert_int_eq(given.count, 2);
	ck_assert_int_eq(given.stored_count, 3);
	ck_assert_int_eq(given.fds[0], fds[0]);
	ck_assert_int_eq(given.fds[1], fds[1]);
	ck_assert_int_eq(given.fds[4], fds[4]);
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
}
END_TEST

static const char *const bad[] = { "", " 1", "-1", "+1", "0x1", "1 ", "one",
	"2147483647", "99999999999999999999" };

START_TEST(what_is_no_number_is_an_error)
{
	ck_assert_int_eq(count_of(own_pid(), bad[_i]), -EINVAL);
}
END_TEST

START_TEST(a_process_that_is_no_number_is_an_error)
{
	ck_assert_int_eq(count_of("me", "1"), -EINVAL);
}
END_TEST

START_TEST(nobody_is_told_a_second_time)
{
	ck_assert_int_eq(count_of(own_pid(), "2"), 2);
	ck_assert_ptr_null(getenv("LISTEN_PID"));
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
	ck_assert_int_eq(read_all(), 0);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("socket_activation");
	TCase *count = tcase_create("count");

	tcase_add_test(count, sockets_for_this_process_are_counted);
	tcase_add_test(count, without_both_variables_there_are_none);
	tcase_add_test(count, sockets_for_another_process_are_left_alone);
	tcase_add_loop_test(
	    count, what_is_no_number_is_an_error, 0, COUNT(bad));
	tcase_add_test(count, a_process_that_is_no_number_is_an_error);
	tcase_add_test(count, nobody_is_told_a_second_time);
	tcase_add_test(count, what_was_stored_is_told_by_its_name);
	suite_add_tcase(suite, count);
	return suite;
}
