#include "proxy/server_version.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "net/socket.h"
#include "proxy/protocol.h"
#include "suite.h"
#include "tcp.h"

#define HOUR 3600

/*
 * The monotonic clock, which a test sets forward, and back at its end: Check
 * reads it as well.
 */
static time_t elapsed;

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	if (syscall(SYS_clock_gettime, clock, now))
		return -1;
	if (clock == CLOCK_MONOTONIC)
		now->tv_sec += elapsed;
	return 0;
}

/* What a check meets, if a test says so: silence, or an error of recv or send. */
static bool is_silent;
static int recv_error, send_error;

int
poll(struct pollfd *fds, nfds_t count, int wait_ms)
{
	struct timespec wait = { wait_ms / 1000, wait_ms % 1000 * 1000000L };

	if (!is_silent && !recv_error)
		return (int)syscall(
		    SYS_ppoll, fds, count, wait_ms < 0 ? NULL : &wait, NULL, 0);
	elapsed += is_silent ? wait_ms / 1000 + 1 : 0;
	return !is_silent;
}

ssize_t
recv(int fd, void *data, size_t len, int flags)
{
	if (!recv_error)
		return recvfrom(fd, data, len, flags, NULL, NULL);
	errno = recv_error;
	return -1;
}

ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	if (!send_error)
		return sendto(fd, data, len, flags, NULL, 0);
	errno = send_error;
	return -1;
}

/* The thread that asks runs only when the test has it do so. */
static void (*asks)(void *argument);
static void *asked;

int
thread_start(void (*run)(void *argument), void *argument)
{
	ck_assert_ptr_null(asks);
	asks = run;
	asked = argument;
	return 0;
}

static char logged[1024];

static void __attribute__((format(printf, 2, 0)))
keep(const char *level, const char *format, va_list arguments)
{
	size_t len = (size_t)sprintf(logged, "%s ", level);

	vsnprintf(logged + len, sizeof(logged) - len, format, arguments);
}

void
log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	keep("info", format, arguments);
	va_end(arguments);
}

void
log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	keep("warning", format, arguments);
	va_end(arguments);
}

static struct config config;
static int references;

struct config *
config_ref(const struct config *lent)
{
	ck_assert_ptr_eq(lent, &config);
	references++;
	return &config;
}

void
config_unref(struct config *lent)
{
	ck_assert_ptr_eq(lent, &config);
	references--;
}

static union address server;
static int listen_fd;

static void
open_server(void)
{
	listen_fd = tcp_listen(AF_INET, 1);
	server = tcp_bound(listen_fd);
}

static uint8_t
choose(void)
{
	return server_version_choose(&config, &server);
}

static void *
run_asks(void *unused)
{
	void (*run)(void *) = asks;
	int before = references;

	(void)unused;
	asks = NULL;
	run(asked);
	ck_assert_int_eq(references, before - 1);
	return NULL;
}

static void
check_logged(const char *level, const char *rest)
{
	char text[ADDRESS_STRLEN], line[sizeof(logged)];

	snprintf(line, sizeof(line), "%s server-version server=%s %s", level,
	    address_format(&server, text), rest);
	ck_assert_msg(strncmp(logged, line, strlen(line)) == 0,
	    "\"%s\" is not \"%s\"", logged, line);
	*logged = '\0';
}

enum { RESET = -1, END = -2 };

/* Lets the thread ask. answer: a status, or what comes instead of it. */
static void
answer_check(int answer)
{
	uint8_t request[PROTOCOL_REQUEST_MAX_LEN], byte = (uint8_t)answer;
	struct request decoded;
	const char *reason;
	pthread_t thread;
	ssize_t len;
	int fd;

	ck_assert_ptr_nonnull(asks);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_asks, NULL), 0);
	fd = tcp_accept(listen_fd);
	len = recv(fd, request, sizeof(request), 0);
	ck_assert_int_eq(
	    protocol_decode(request, (size_t)len, &decoded, &reason), len);
	ck_assert_int_eq(decoded.version, 2);
	ck_assert_int_eq(decoded.opcode, PROTOCOL_CHECK);
	ck_assert_int_eq(address_port(&decoded.destination), 0);
	if (answer >= 0)
		ck_assert_int_eq(send(fd, &byte, 1, 0), 1);
	else if (answer == RESET)
		tcp_reset(fd);
	else
		shutdown(fd, SHUT_WR);
	pthread_join(thread, NULL);
	if (answer != RESET)
		close(fd);
}

START_TEST(an_answer_is_good_for_an_hour)
{
	open_server();
	ck_assert_int_eq(choose(), 1);
	answer_check(PROTOCOL_CONNECTED);
	check_logged("info", "version=2");
	ck_assert_int_eq(choose(), 2);
	ck_assert_ptr_null(asks);
	elapsed += HOUR - 1;
	ck_assert_int_eq(choose(), 2);
	ck_assert_ptr_null(asks);
	elapsed += 2;
	ck_assert_int_eq(choose(), 2);
	answer_check(PROTOCOL_CONNECTED);
	ck_assert_str_eq(logged, "");
	ck_assert_int_eq(choose(), 2);
	elapsed = 0;
}
END_TEST

static const int ends[] = { RESET, END };

START_TEST(a_reset_or_an_end_means_version_1_for_an_hour)
{
	open_server();
	ck_assert_int_eq(choose(), 1);
	answer_check(ends[_i]);
	check_logged("info", "version=1");
	elapsed += HOUR - 1;
	ck_assert_int_eq(choose(), 1);
	ck_assert_ptr_null(asks);
	elapsed += 2;
	ck_assert_int_eq(choose(), 1);
	answer_check(PROTOCOL_CONNECTED);
	check_logged("info", "version=2");
	ck_assert_int_eq(choose(), 2);
	elapsed = 0;
}
END_TEST

START_TEST(a_status_byte_is_trusted_for_an_hour_after_the_last_one)
{
	open_server();
	server_version_answered(&server);
	check_logged("info", "version=2");
	elapsed += HOUR - 1;
	server_version_answered(&server);
	elapsed += HOUR - 1;
	ck_assert_int_eq(choose(), 2);
	ck_assert_ptr_null(asks);
	/* Later a check, and only it, makes it version 1 again. */
	elapsed += 2;
	ck_assert_int_eq(choose(), 2);
	answer_check(RESET);
	check_logged("warning", "version=1 reason=\"it spoke version 2 before");
	ck_assert_int_eq(choose(), 1);
	elapsed = 0;
}
END_TEST

START_TEST(a_user_who_was_answered_counts_more_than_a_check)
{
	open_server();
	server_version_answered(&server);
	elapsed += HOUR + 1;
	ck_assert_int_eq(choose(), 2);
	server_version_answered(&server);
	*logged = '\0';
	answer_check(RESET);
	ck_assert_str_eq(logged, "");
	ck_assert_int_eq(choose(), 2);
	ck_assert_ptr_null(asks);
	elapsed = 0;
}
END_TEST

START_TEST(a_refusal_is_an_answer_and_said)
{
	open_server();
	ck_assert_int_eq(choose(), 1);
	answer_check(PROTOCOL_NOT_AUTHORIZED);
	ck_assert_ptr_nonnull(strstr(logged, "warning check-refused"));
	ck_assert_ptr_nonnull(strstr(logged, "not authorized"));
	ck_assert_int_eq(choose(), 2);
}
END_TEST

START_TEST(an_address_that_is_away_is_asked_again_soon)
{
	open_server();
	close(listen_fd);
	ck_assert_int_eq(choose(), 1);
	run_asks(NULL);
	ck_assert_int_eq(choose(), 1);
	ck_assert_ptr_null(asks);
	elapsed += 31;
	ck_assert_int_eq(choose(), 1);
	ck_assert_ptr_nonnull(asks);
	ck_assert_str_eq(logged, "");
	elapsed = 0;
}
END_TEST

/* The way, or this host, may have failed, but not the version. */
static const struct {
	bool is_silent;
	int recv_error, send_error;
} told_nothing[] = {
	{ .is_silent = true },
	{ .recv_error = ETIMEDOUT },
	{ .recv_error = EHOSTUNREACH },
	{ .recv_error = ENETUNREACH },
	{ .recv_error = ENETDOWN },
	{ .recv_error = ENOMEM },
	{ .send_error = ECONNRESET },
	{ .send_error = EPIPE },
	{ .send_error = EHOSTUNREACH },
};

/* The kernel accepts the connection. */
static void
ask_in_vain(void)
{
	run_asks(NULL);
	is_silent = false;
	recv_error = send_error = 0;
}

static void
check_asked_again_soon(uint8_t version)
{
	ck_assert_str_eq(logged, "");
	ck_assert_int_eq(choose(), version);
	elapsed += 29;
	ck_assert_int_eq(choose(), version);
	ck_assert_ptr_null(asks);
	elapsed += 2;
	ck_assert_int_eq(choose(), version);
	ck_assert_ptr_nonnull(asks);
}

START_TEST(a_check_that_tells_nothing_is_repeated_soon)
{
	open_server();
	ck_assert_int_eq(choose(), 1);
	is_silent = told_nothing[_i].is_silent;
	recv_error = told_nothing[_i].recv_error;
	send_error = told_nothing[_i].send_error;
	ask_in_vain();
	check_asked_again_soon(1);
	elapsed = 0;
}
END_TEST

START_TEST(a_check_that_tells_nothing_leaves_version_2)
{
	open_server();
	server_version_answered(&server);
	*logged = '\0';
	elapsed += HOUR + 1;
	ck_assert_int_eq(choose(), 2);
	is_silent = told_nothing[_i].is_silent;
	recv_error = told_nothing[_i].recv_error;
	send_error = told_nothing[_i].send_error;
	ask_in_vain();
	check_asked_again_soon(2);
	elapsed = 0;
}
END_TEST

START_TEST(a_reset_behind_an_end_is_an_end)
{
	open_server();
	ck_assert_int_eq(choose(), 1);
	recv_error = EPIPE;
	ask_in_vain();
	check_logged("info", "version=1");
	elapsed += HOUR - 1;
	ck_assert_int_eq(choose(), 1);
	ck_assert_ptr_null(asks);
	elapsed = 0;
}
END_TEST

START_TEST(a_reload_asks_but_not_those_that_speak_version_2)
{
	open_server();
	server_version_ask(&config, &server);
	/* One thread at a time. */
	server_version_ask(&config, &server);
	ck_assert_int_eq(choose(), 1);
	answer_check(RESET);
	server_version_ask(&config, &server);
	answer_check(PROTOCOL_CONNECTED);
	server_version_ask(&config, &server);
	ck_assert_ptr_null(asks);
}
END_TEST

START_TEST(a_number_in_the_configuration_asks_nothing)
{
	open_server();
	config.protocol = PROTOCOL_ONLY_1;
	server_version_answered(&server);
	ck_assert_int_eq(choose(), 1);
	config.protocol = PROTOCOL_ONLY_2;
	elapsed += HOUR + 1;
	ck_assert_int_eq(choose(), 2);
	server_version_ask(&config, &server);
	ck_assert_ptr_null(asks);
	elapsed = 0;
}
END_TEST

START_TEST(addresses_are_known_one_by_one)
{
	union address other;

	open_server();
	other = server;
	address_set_port(&other, 1);
	server_version_answered(&other);
	ck_assert_int_eq(server_version_choose(&config, &other), 2);
	ck_assert_int_eq(choose(), 1);
	ck_assert_ptr_nonnull(asks);
}
END_TEST

START_TEST(many_other_addresses_make_it_forget_no_version_2)
{
	union address other;

	open_server();
	server_version_answered(&server);
	other = server;
	for (uint16_t port = 1; port <= 3 * ENDPOINT_MAX_ADDRESSES; port++) {
		address_set_port(&other, port);
		ck_assert_int_eq(server_version_choose(&config, &other), 1);
		asks = NULL;
		free(asked);
	}
	ck_assert_int_eq(choose(), 2);
	ck_assert_ptr_null(asks);
}
END_TEST

/* What a process hands over to this one. left: seconds. */
static void
restore(int version, int64_t left)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	server_version_restore(&(struct server_version){
	    .server = server,
	    .version = (uint8_t)version,
	    .good_until = ((int64_t)now.tv_sec + left) * 1000,
	});
}

START_TEST(the_next_process_knows_as_long_as_the_one_before)
{
	struct server_version known[SERVER_VERSION_MAX];

	open_server();
	server_version_answered(&server);
	elapsed += HOUR - 10;
	ck_assert_uint_eq(server_version_copy(known), 1);
	/* As the other process has it. */
	address_set_port(&known->server, address_port(&server) ^ 1);
	server = known->server;
	server_version_restore(known);
	ck_assert_int_eq(choose(), 2);
	ck_assert_ptr_null(asks);
	elapsed += 11;
	ck_assert_int_eq(choose(), 2);
	ck_assert_ptr_nonnull(asks);
	elapsed = 0;
}
END_TEST

/* known, then restored: versions, and for how long they are good. */
static const struct {
	int version, restored, result;
	int left, restored_left, result_left;
} meetings[] = {
	{ 1, 1, 1, 10, 20, 20 },
	{ 1, 1, 1, 20, 10, 20 },
	{ 2, 2, 2, 10, 20, 20 },
	{ 2, 2, 2, 20, -5, 20 },
	/* A status byte counts for an hour. */
	{ 1, 2, 2, 20, 10, 10 },
	{ 2, 1, 2, 10, 20, 10 },
	/* Later than that, the check counts that this process has made. */
	{ 1, 2, 1, 20, -5, 20 },
	{ 2, 1, 2, -5, 20, -5 },
	/* No clock is that wrong. */
	{ 2, 2, 2, 10, 2 * HOUR, HOUR },
};

START_TEST(both_processes_may_know_something)
{
	struct server_version known[SERVER_VERSION_MAX];
	struct timespec now;

	open_server();
	restore(meetings[_i].version, meetings[_i].left);
	restore(meetings[_i].restored, meetings[_i].restored_left);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ck_assert_uint_eq(server_version_copy(known), 1);
	ck_assert_int_eq(known->version, meetings[_i].result);
	ck_assert_int_le(llabs(known->good_until / 1000 - now.tv_sec -
			     meetings[_i].result_left),
	    2);
}
END_TEST

START_TEST(an_address_that_is_asked_is_not_forgotten)
{
	union address asked_one;

	open_server();
	ck_assert_int_eq(choose(), 1);
	ck_assert_ptr_nonnull(asks);
	asked_one = server;
	for (uint16_t port = 1; port <= 3 * ENDPOINT_MAX_ADDRESSES; port++) {
		address_set_port(&server, port);
		restore(1, HOUR);
	}
	/* A second thread would not get past thread_start(). */
	server = asked_one;
	ck_assert_int_eq(choose(), 1);
	answer_check(PROTOCOL_CONNECTED);
	ck_assert_int_eq(choose(), 2);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("server_version");
	TCase *versions = tcase_create("versions");

	tcase_add_test(versions, an_answer_is_good_for_an_hour);
	tcase_add_loop_test(versions,
	    a_reset_or_an_end_means_version_1_for_an_hour, 0, COUNT(ends));
	tcase_add_test(
	    versions, a_status_byte_is_trusted_for_an_hour_after_the_last_one);
	tcase_add_test(
	    versions, a_user_who_was_answered_counts_more_than_a_check);
	tcase_add_test(versions, a_refusal_is_an_answer_and_said);
	tcase_add_test(versions, an_address_that_is_away_is_asked_again_soon);
	tcase_add_loop_test(versions,
	    a_check_that_tells_nothing_is_repeated_soon, 0,
	    COUNT(told_nothing));
	tcase_add_loop_test(versions,
	    a_check_that_tells_nothing_leaves_version_2, 0,
	    COUNT(told_nothing));
	tcase_add_test(versions, a_reset_behind_an_end_is_an_end);
	tcase_add_test(
	    versions, a_reload_asks_but_not_those_that_speak_version_2);
	tcase_add_test(versions, a_number_in_the_configuration_asks_nothing);
	tcase_add_test(versions, addresses_are_known_one_by_one);
	tcase_add_test(
	    versions, many_other_addresses_make_it_forget_no_version_2);
	tcase_add_test(
	    versions, the_next_process_knows_as_long_as_the_one_before);
	tcase_add_loop_test(
	    versions, both_processes_may_know_something, 0, COUNT(meetings));
	tcase_add_test(versions, an_address_that_is_asked_is_not_forgotten);
	suite_add_tcase(suite, versions);
	return suite;
}
