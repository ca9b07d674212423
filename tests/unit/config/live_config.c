#include "config/live_config.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "problems.h"
#include "suite.h"

#define THREADS 4
#define RELOADS 200

/* All logged lines, one after the other. */
static char logged[8192];
static enum log_level level = LOG_LEVEL_INFO;

static void __attribute__((format(printf, 2, 0)))
keep(const char *kind, const char *format, va_list arguments)
{
	size_t len = strlen(logged);

	len +=
	    (size_t)snprintf(logged + len, sizeof(logged) - len, "%s ", kind);
	len += (size_t)vsnprintf(
	    logged + len, sizeof(logged) - len, format, arguments);
	ck_assert_uint_lt(len + 1, sizeof(logged));
	strcpy(logged + len, "\n");
}

#define LOG_FUNCTION(kind)                       \
	void log_##kind(const char *format, ...) \
	{                                        \
		va_list arguments;               \
                                                 \
		va_start(arguments, format);     \
		keep(#kind, format, arguments);  \
		va_end(arguments);               \
	}

LOG_FUNCTION(info)
LOG_FUNCTION(warning)
LOG_FUNCTION(error)

void
log_set_level(enum log_level next)
{
	level = next;
}

static int prepared;

static int
prepare(const struct config *config)
{
	(void)config;
	return prepared;
}

static struct live_config live_config;
static const char *path;

static void
write_config(const char *text)
{
	path = problems_file(text, strlen(text));
}

static struct config *
load(const char *text)
{
	struct config *config;

	write_config(text);
	config = config_load(path, CONFIG_SERVER, problems_report);
	problems_forget_file();
	ck_assert_ptr_nonnull(config);
	return config;
}

static void
reload(const char *text)
{
	logged[0] = '\0';
	write_config(text);
	live_config_reload(&live_config, prepare, path);
	problems_forget_file();
}

static void
open_current(void)
{
	live_config_init(
	    &live_config, load("{listen: '127.0.0.1:1000', timeout: '1s'}"));
}

static void
finish_current(void)
{
	live_config_finish(&live_config);
}

static int64_t
timeout_now(void)
{
	struct config *config = live_config_ref(&live_config);
	int64_t timeout_ms = config->timeout_ms;

	config_unref(config);
	return timeout_ms;
}

START_TEST(a_reference_stays_valid_and_later_ones_get_the_new_config)
{
	struct config *old = live_config_ref(&live_config);
	char expected[128];

	reload("{listen: '127.0.0.1:1000', timeout: '2s', log_level: 'error'}");
	ck_assert_int_eq(old->timeout_ms, 1000);
	ck_assert_int_eq(timeout_now(), 2000);
	ck_assert_int_eq(level, LOG_LEVEL_ERROR);
	sprintf(expected, "info reloaded path=\"%s\"\n", path);
	ck_assert_str_eq(logged, expected);
	config_unref(old);
}
END_TEST

START_TEST(a_broken_file_changes_nothing_and_each_problem_is_logged)
{
	char expected[128];

	reload("{listen: '127.0.0.1:1000', timeout: '2s', log_level: 'error',\n"
	       "tiemout: 1, drain_timeout: true}");
	ck_assert_int_eq(timeout_now(), 1000);
	ck_assert_int_eq(level, LOG_LEVEL_INFO);
	sprintf(expected, "error config %s:2:1: tiemout: ", path);
	ck_assert_ptr_nonnull(strstr(logged, expected));
	sprintf(expected, "error config %s:2:28: drain_timeout: ", path);
	ck_assert_ptr_nonnull(strstr(logged, expected));
	sprintf(expected, "error reload-failed path=\"%s\"", path);
	ck_assert_ptr_nonnull(strstr(logged, expected));
	ck_assert_ptr_null(strstr(logged, "reloaded"));
}
END_TEST

START_TEST(problems_are_kept_until_a_reload_succeeds)
{
	struct live_config_state state;

	live_config_state(&live_config, &state);
	ck_assert_int_gt(state.read_at, 0);
	ck_assert_int_eq(state.failed_at, 0);
	reload("{listen: '127.0.0.1:1000', tiemout: 1, drain: 2}");
	live_config_state(&live_config, &state);
	ck_assert_int_gt(state.failed_at, 0);
	ck_assert_ptr_nonnull(strstr(state.problem, ": tiemout: "));
	reload("{listen: '127.0.0.1:1000'}");
	live_config_state(&live_config, &state);
	ck_assert_int_eq(state.failed_at, 0);
}
END_TEST

START_TEST(the_status_socket_stays_and_a_warning_says_so)
{
	reload("{listen: '127.0.0.1:1000', status: '/elsewhere'}");
	ck_assert_ptr_nonnull(strstr(logged, "warning status has changed"));
	ck_assert_str_eq(
	    live_config.config->status_path, "/run/srcproxy/server-1000.sock");
	reload("{listen: '127.0.0.1:1000'}");
	ck_assert_ptr_null(strstr(logged, "warning"));
}
END_TEST

START_TEST(a_missing_file_changes_nothing)
{
	logged[0] = '\0';
	live_config_reload(&live_config, prepare, "/nonexistent/srcproxy.json");
	ck_assert_int_eq(timeout_now(), 1000);
	ck_assert_ptr_nonnull(
	    strstr(logged, "error config /nonexistent/srcproxy.json: "));
}
END_TEST

START_TEST(a_failed_prepare_changes_nothing)
{
	prepared = -1;
	reload("{listen: '127.0.0.1:1000', timeout: '2s'}");
	ck_assert_int_eq(timeout_now(), 1000);
	ck_assert_ptr_nonnull(strstr(logged, "error reload-failed "));
	prepared = 0;
	reload("{listen: '127.0.0.1:1000', timeout: '2s'}");
	ck_assert_int_eq(timeout_now(), 2000);
}
END_TEST

/* At each reload until the restart. */
START_TEST(the_listener_stays_and_a_warning_says_so)
{
	for (int i = 0; i < 2; i++) {
		reload(i ? "{listen: '127.0.0.2:1000', timeout: '2s'}"
			 : "{listen: '127.0.0.1:1001', timeout: '2s'}");
		ck_assert_ptr_nonnull(strstr(logged, "warning listen"));
		ck_assert_ptr_nonnull(strstr(logged, "info reloaded "));
		ck_assert_int_eq(timeout_now(), 2000);
		ck_assert_uint_eq(live_config.config->listen.port, 1000);
		ck_assert_str_eq(live_config.config->listen.host, "127.0.0.1");
	}
	reload("{listen: '127.0.0.1:1000'}");
	ck_assert_ptr_null(strstr(logged, "warning"));
}
END_TEST

START_TEST(the_listener_that_stays_is_named_as_it_is_written)
{
	config_unref(live_config.config);
	live_config.config = load("{listen: '[2001:db8::1]:1000'}");
	reload("{listen: ':1000'}");
	ck_assert_ptr_nonnull(
	    strstr(logged, "still listening on [2001:db8::1]:1000\n"));
}
END_TEST

START_TEST(the_mode_stays_until_a_restart)
{
	static const char text[] =
	    "{inbound: {listen: ':1', mode: '%s'}, outbound: {server: "
	    "'192.0.2.1:2'}, timeout: '2s'}";
	char file[128];

	live_config.config->kind = CONFIG_CLIENT;
	sprintf(file, text, "tproxy");
	reload(file);
	ck_assert_int_eq(timeout_now(), 1000);
	ck_assert_ptr_nonnull(strstr(
	    logged, "error inbound.mode has changed, which needs a restart"));
	ck_assert_ptr_nonnull(strstr(logged, "error reload-failed "));
	sprintf(file, text, "redirect");
	reload(file);
	ck_assert_int_eq(timeout_now(), 2000);
}
END_TEST

START_TEST(warnings_of_the_file_are_logged_as_warnings)
{
	reload("{listen: '127.0.0.1:1000',\n"
	       "acl: [{allowed_src_ips: ['192.0.2.1/24']}]}");
	ck_assert_ptr_nonnull(strstr(logged, "warning config "));
	ck_assert_ptr_nonnull(strstr(logged,
	    ": acl[0].allowed_src_ips[0]: \"192.0.2.1/24\" has bits set"));
	ck_assert_ptr_nonnull(strstr(logged, "info reloaded "));
}
END_TEST

static atomic_bool done;

static void *
run_reader(void *argument)
{
	(void)argument;
	while (!atomic_load(&done)) {
		struct config *config = live_config_ref(&live_config);

		ck_assert_uint_eq(config->acl.user_count, 1);
		ck_assert_str_eq(config->acl.users[0].name, "alice");
		config_unref(config);
	}
	return NULL;
}

START_TEST(no_thread_reads_a_freed_config)
{
	static const char text[] =
	    "{listen: '127.0.0.1:1000', acl: [{name: 'alice'}]}";
	pthread_t threads[THREADS];

	reload(text);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, run_reader, NULL), 0);
	for (int i = 0; i < RELOADS; i++)
		reload(text);
	atomic_store(&done, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("live_config");
	TCase *reload = tcase_create("reload");

	tcase_add_checked_fixture(reload, open_current, finish_current);
	tcase_add_test(
	    reload, a_reference_stays_valid_and_later_ones_get_the_new_config);
	tcase_add_test(
	    reload, a_broken_file_changes_nothing_and_each_problem_is_logged);
	tcase_add_test(reload, problems_are_kept_until_a_reload_succeeds);
	tcase_add_test(reload, the_status_socket_stays_and_a_warning_says_so);
	tcase_add_test(reload, a_missing_file_changes_nothing);
	tcase_add_test(reload, a_failed_prepare_changes_nothing);
	tcase_add_test(reload, the_listener_stays_and_a_warning_says_so);
	tcase_add_test(
	    reload, the_listener_that_stays_is_named_as_it_is_written);
	tcase_add_test(reload, the_mode_stays_until_a_restart);
	tcase_add_test(reload, warnings_of_the_file_are_logged_as_warnings);
	tcase_add_test(reload, no_thread_reads_a_freed_config);
	suite_add_tcase(suite, reload);
	return suite;
}
