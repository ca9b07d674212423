#include "net/server_health.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "suite.h"

#define AWAY "server-away server=192.0.2.1:1 reason=\"Connection refused\"\n"
#define BACK "server-back server=192.0.2.1:1\n"

static char logged[1024];
static const struct local_bind any;

void
log_warning(const char *format, ...)
{
	size_t len = strlen(logged);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(logged + len, sizeof(logged) - len - 1, format, arguments);
	va_end(arguments);
	strcat(logged, "\n");
}

static union address
server(int number)
{
	union address address;
	char text[32];

	snprintf(text, sizeof(text), "192.0.2.%d", number);
	ck_assert(address_parse(text, &address));
	address_set_port(&address, 1);
	return address;
}

/* order: the last digits of the addresses after sorting 1, 2 and 3 */
static void
check_order(const char *order, size_t present)
{
	union address servers[] = { server(1), server(2), server(3) };

	ck_assert_uint_eq(server_health_sort(servers, 3, &any), present);
	for (int i = 0; i < 3; i++) {
		union address expected = server(order[i] - '0');

		ck_assert(address_equal(&servers[i], &expected));
	}
}

START_TEST(an_address_that_failed_comes_last_until_it_answers)
{
	union address first = server(1), second = server(2);

	check_order("123", 3);
	server_health_failed(&first, -ECONNREFUSED);
	check_order("231", 2);
	server_health_failed(&second, -ECONNREFUSED);
	check_order("312", 1);
	server_health_answered(&first);
	check_order("132", 2);
	server_health_answered(&second);
	check_order("123", 3);
}
END_TEST

START_TEST(it_is_said_once_that_it_is_away_and_once_that_it_is_back)
{
	union address first = server(1);

	server_health_answered(&first);
	ck_assert_str_eq(logged, "");
	server_health_failed(&first, -ECONNREFUSED);
	server_health_failed(&first, -ETIMEDOUT);
	ck_assert_str_eq(logged, AWAY);
	server_health_answered(&first);
	server_health_answered(&first);
	ck_assert_str_eq(logged, AWAY BACK);
	server_health_failed(&first, -ECONNREFUSED);
	ck_assert_str_eq(logged, AWAY BACK AWAY);
}
END_TEST

START_TEST(as_many_addresses_as_there_may_be_are_known)
{
	for (int i = 1; i <= 200; i++) {
		union address address = server(i);

		logged[0] = '\0';
		server_health_failed(&address, -ECONNREFUSED);
	}
	/* The latest are; those from long ago have given way. */
	for (int i = 1; i <= 200; i++) {
		union address address = server(i);

		ck_assert_uint_eq(
		    server_health_sort(&address, 1, &any), i <= 200 - 32);
	}
}
END_TEST

START_TEST(errors_of_this_host_are_not_the_servers)
{
	static const int servers[] = { -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH,
		-ENETUNREACH };
	static const int own[] = { 0, -EMFILE, -EADDRNOTAVAIL, -ECONNABORTED,
		-EPERM };

	for (size_t i = 0; i < COUNT(servers); i++)
		ck_assert(server_health_concerns(servers[i]));
	for (size_t i = 0; i < COUNT(own); i++)
		ck_assert(!server_health_concerns(own[i]));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("server_health");
	TCase *tests = tcase_create("server_health");

	tcase_add_test(
	    tests, an_address_that_failed_comes_last_until_it_answers);
	tcase_add_test(
	    tests, it_is_said_once_that_it_is_away_and_once_that_it_is_back);
	tcase_add_test(tests, as_many_addresses_as_there_may_be_are_known);
	tcase_add_test(tests, errors_of_this_host_are_not_the_servers);
	suite_add_tcase(suite, tests);
	return suite;
}
