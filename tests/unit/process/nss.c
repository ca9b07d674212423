#include "process/nss.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/sandbox.h"
#include "suite.h"

#if defined(__GLIBC__) && defined(HAVE_LIBSECCOMP)

#include <nss.h>

/* The module of nss_late.c, found by the RPATH of this program. */
#define HOST "host.late.example"

static char path[] = "/tmp/srcproxy-test-XXXXXX";

static void
write_settings(const char *text)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(dprintf(fd, "%s", text), (int)strlen(text));
	close(fd);
}

static void
remove_settings(void)
{
	unlink(path);
}

/* Returns true if a module was found that was not loaded before the sandbox. */
static bool
is_found_inside(bool loads)
{
	struct sandbox sandbox = { "/etc/srcproxy/gate.json", NULL, true,
		false };
	struct addrinfo *list;
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		/* Pretends that nsswitch.conf names it. */
		__nss_configure_lookup("hosts", "late");
		if (loads)
			nss_load(path);
		sandbox_enter(&sandbox);
		_exit(getaddrinfo(HOST, NULL, NULL, &list) ? 1 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status) == 0;
}

static const char *const settings[] = {
	"hosts: late\n",
	("# hosts: none\npasswd: files\n  hosts:\tfiles [ NOTFOUND=return ] "
	 "late [!UNAVAIL=return] dns # late\n"),
	"hosts: files [NOTFOUND=continue SUCCESS=return]late",
};

START_TEST(a_module_that_was_loaded_before_is_found_inside)
{
	write_settings(settings[_i]);
	ck_assert(is_found_inside(true));
}
END_TEST

static const char *const others[] = {
	"",
	"#hosts: late\n",
	"passwd: late\n",
	"hosts: files # late\n",
	"hosts: files [late=return]\n",
};

START_TEST(a_module_that_was_not_is_not_and_no_harm_comes_of_it)
{
	write_settings(others[_i]);
	ck_assert(!is_found_inside(true));
}
END_TEST

START_TEST(settings_that_are_not_there_are_no_trouble)
{
	strcpy(path + strlen(path) - 6, "absent");
	ck_assert(!is_found_inside(true));
	ck_assert(!is_found_inside(false));
}
END_TEST

#endif

Suite *
suite(void)
{
	Suite *suite = suite_create("nss");
	TCase *modules = tcase_create("modules");

#if defined(__GLIBC__) && defined(HAVE_LIBSECCOMP)
	tcase_add_checked_fixture(modules, NULL, remove_settings);
	tcase_add_loop_test(modules,
	    a_module_that_was_loaded_before_is_found_inside, 0,
	    COUNT(settings));
	tcase_add_loop_test(modules,
	    a_module_that_was_not_is_not_and_no_harm_comes_of_it, 0,
	    COUNT(others));
	tcase_add_test(modules, settings_that_are_not_there_are_no_trouble);
#endif
	suite_add_tcase(suite, modules);
	return suite;
}
