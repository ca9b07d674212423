#include "process/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "capture.h"
#include "suite.h"

#if defined(HAVE_LIBCAP_NG) && defined(HAVE_LIBSECCOMP)
#include <seccomp.h>
#endif

#define NET_RAW (UINT64_C(1) << CAP_NET_RAW)
#define NET_BIND_SERVICE (UINT64_C(1) << CAP_NET_BIND_SERVICE)

/* Numbers that very likely belong to no user. */
#define NO_USER "3999999991"
#define NO_GROUP "3999999992"

static const struct {
	const char *text, *name;
	uid_t uid;
	gid_t gid;
} good[] = {
	{ "root", "root", 0, 0 },
	{ "0", "root", 0, 0 },
	{ "root:4242", "root", 0, 4242 },
	{ "root:root", "root", 0, 0 },
	{ "0:0", "root", 0, 0 },
	{ NO_USER ":root", "", 3999999991u, 0 },
	{ NO_USER ":" NO_GROUP, "", 3999999991u, 3999999992u },
};

START_TEST(a_user_and_a_group_are_names_or_numbers)
{
	struct privilege privilege;

	ck_assert_ptr_null(privilege_parse(good[_i].text, &privilege));
	ck_assert_str_eq(privilege.name, good[_i].name);
	ck_assert_uint_eq(privilege.uid, good[_i].uid);
	ck_assert_uint_eq(privilege.gid, good[_i].gid);
}
END_TEST

static const struct {
	const char *text, *expected;
} bad[] = {
	{ "", "write USER or USER:GROUP" },
	{ ":", "write USER or USER:GROUP" },
	{ ":root", "write USER or USER:GROUP" },
	{ "root:", "write USER or USER:GROUP" },
	{ "no-such-user", "no such user" },
	{ "root:no-such-group", "no such group" },
	{ "root:root:root", "no such group" },
	{ NO_USER, "write USER:GROUP" },
	{ "-1:0", "no such user" },
	{ "4294967295:0", "no such user" },
	{ "18446744073709551616:0", "no such user" },
	{ "0x0", "no such user" },
	{ "root:4294967295", "no such group" },
	{ "a-name-of-more-than-32-characters", "too long" },
};

START_TEST(what_is_no_user_is_refused_and_nothing_is_changed)
{
	struct privilege privilege = { .uid = 77, .gid = 88 };
	const char *wrong = privilege_parse(bad[_i].text, &privilege);

	ck_assert_ptr_nonnull(wrong);
	ck_assert_ptr_nonnull(strstr(wrong, bad[_i].expected));
	ck_assert_uint_eq(privilege.uid, 77);
	ck_assert_uint_eq(privilege.gid, 88);
}
END_TEST

#ifdef HAVE_LIBCAP_NG

/* The value of a line of /proc/thread-self/status. */
static void
read_status(const char *key, char value[128])
{
	FILE *file = fopen("/proc/thread-self/status", "r");
	size_t len = strlen(key);
	char line[256];

	ck_assert_ptr_nonnull(file);
	*value = '\0';
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, key, len) && line[len] == ':')
			sscanf(line + len + 1, " %127[^\n]", value);
	}
	fclose(file);
}

static void
assert_status(const char *key, const char *expected)
{
	char value[128];

	read_status(key, value);
	ck_assert_msg(
	    !strcmp(value, expected), "%s: %s, not %s", key, value, expected);
}

static void
assert_capabilities(uint64_t expected)
{
	static const char *const none[] = { "CapInh", "CapBnd", "CapAmb" };
	char hexadecimal[17];

	sprintf(hexadecimal, "%016llx", (unsigned long long)expected);
	assert_status("CapEff", hexadecimal);
	assert_status("CapPrm", hexadecimal);
	for (size_t i = 0; i < COUNT(none); i++)
		assert_status(none[i], "0000000000000000");
	assert_status("NoNewPrivs", "1");
}

static const struct {
	uint64_t capabilities;
	const char *line;
} kept[] = {
	{ 0, "capabilities=none\n" },
	{ NET_RAW, "capabilities=net_raw\n" },
	{ NET_BIND_SERVICE, "capabilities=net_bind_service\n" },
	{ NET_RAW | NET_BIND_SERVICE,
	    "capabilities=net_bind_service,net_raw\n" },
};

START_TEST(exactly_the_needed_capabilities_are_kept)
{
	struct privilege privilege = { "", 65534, 65533 };
	int fd = capture_pipe(4096);
	const char *line;

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(privilege_drop(&privilege, kept[_i].capabilities), 0);
	assert_capabilities(kept[_i].capabilities);
	assert_status("Uid", "65534\t65534\t65534\t65534");
	assert_status("Gid", "65533\t65533\t65533\t65533");
	assert_status("Groups", "");
	line = capture_untimed(capture_read(fd));
	ck_assert_str_eq(strstr(line, "capabilities="), kept[_i].line);
}
END_TEST

static void *
check_thread(void *argument)
{
	(void)argument;
	assert_capabilities(NET_RAW);
	return NULL;
}

START_TEST(threads_made_afterwards_have_no_more)
{
	struct privilege privilege = { "", 65534, 65534 };
	pthread_t thread;

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(privilege_drop(&privilege, NET_RAW), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, check_thread, NULL), 0);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(there_is_no_way_back)
{
	struct privilege privilege = { "", 65534, 65534 };

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(privilege_drop(&privilege, NET_RAW), 0);
	ck_assert_int_eq(setuid(0), -1);
	ck_assert_int_eq(setresuid(0, 0, 0), -1);
	ck_assert_int_eq(setgid(0), -1);
	ck_assert_int_eq(setgroups(0, NULL), -1);
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), -1);
	ck_assert_int_eq(
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0), -1);
	assert_capabilities(NET_RAW);
}
END_TEST

/* User 0 without capabilities stays so, as its securebits are locked. */
START_TEST(root_can_be_asked_to_give_up_capabilities_only)
{
	struct privilege privilege = { "root", 0, 0 };

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(privilege_drop(&privilege, 0), 0);
	assert_capabilities(0);
	ck_assert_int_eq(setuid(0), 0);
	assert_capabilities(0);
}
END_TEST

START_TEST(who_is_not_root_is_told_so)
{
	struct privilege privilege = { "", 65534, 65534 };
	int fd = capture_pipe(4096);

	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	ck_assert_int_eq(privilege_drop(&privilege, 0), -1);
	ck_assert_ptr_nonnull(strstr(capture_read(fd), "start as root"));
}
END_TEST

#ifdef HAVE_LIBSECCOMP

START_TEST(capabilities_that_cannot_be_read_are_an_error)
{
	struct privilege privilege = { "", 65534, 65534 };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int fd = capture_pipe(4096);

	ck_assert_ptr_nonnull(filter);
	ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
			     SCMP_SYS(capget), 0),
	    0);
	ck_assert_int_eq(seccomp_load(filter), 0);
	ck_assert_int_eq(privilege_drop(&privilege, NET_RAW), -1);
	ck_assert_ptr_nonnull(strstr(capture_read(fd), "cannot read"));
}
END_TEST

#endif

#else

START_TEST(without_libcap_ng_it_is_refused)
{
	struct privilege privilege = { "", 65534, 65534 };
	int fd = capture_pipe(4096);

	ck_assert_int_eq(privilege_drop(&privilege, 0), -1);
	ck_assert_ptr_nonnull(strstr(capture_read(fd), "libcap-ng"));
}
END_TEST

#endif

Suite *
suite(void)
{
	Suite *suite = suite_create("privilege");
	TCase *parse = tcase_create("parse");
	TCase *drop = tcase_create("drop");

	tcase_add_loop_test(
	    parse, a_user_and_a_group_are_names_or_numbers, 0, COUNT(good));
	tcase_add_loop_test(parse,
	    what_is_no_user_is_refused_and_nothing_is_changed, 0, COUNT(bad));
	suite_add_tcase(suite, parse);

#ifdef HAVE_LIBCAP_NG
	tcase_add_loop_test(
	    drop, exactly_the_needed_capabilities_are_kept, 0, COUNT(kept));
	tcase_add_test(drop, threads_made_afterwards_have_no_more);
	tcase_add_test(drop, there_is_no_way_back);
	tcase_add_test(drop, root_can_be_asked_to_give_up_capabilities_only);
	tcase_add_test(drop, who_is_not_root_is_told_so);
#ifdef HAVE_LIBSECCOMP
	tcase_add_test(drop, capabilities_that_cannot_be_read_are_an_error);
#endif
#else
	tcase_add_test(drop, without_libcap_ng_it_is_refused);
#endif
	suite_add_tcase(suite, drop);
	return suite;
}
