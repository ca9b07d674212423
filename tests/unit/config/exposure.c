/* Through config.c, which knows what to ask it. */

#include "config/exposure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "effort.h"
#include "problems.h"
#include "suite.h"

/* Two secrets of 16 characters, which is long enough. */
#define A "auth: '0123456789abcdef'"
#define B "auth: 'fedcba9876543210'"
#define SERVER(users) "{ listen: ':1', acl: [\n" users "\n] }"
#define CLIENT(members)                                                        \
	"{ inbound: { listen: ':1' },\noutbound: { server: 'x:2' " members "}" \
	" "                                                                    \
	"}"

#define OFF                                                                \
	"warning: the ACL is off: any host that reaches the listener may " \
	"connect anywhere, from any address; set acl"
#define BLANK                                                            \
	"warning: the secret (auth) is blank, which anybody can guess; " \
	"use a long random one, for example from uuidgen"
#define SHORT(len)                                                           \
	"warning: the secret is shorter than 16 characters (" len "), so a " \
	"program can guess it; use a long random one, for example from "     \
	"uuidgen"
#define ANY(name)                                                              \
	"warning: " name " may send from any address; name the user's own in " \
	"allowed_src_ips"
#define OVERLAP(inner, outer)                                             \
	"warning: " inner " overlaps with " outer ": both may send from " \
	"the same addresses; give each address to one user"

static const struct {
	const char *text, *reported;
} servers[] = {
	{ "{ listen: ':1' }", "not fatal: 1:1: " OFF },
	{ "{ listen: 'example.net:1' }", "not fatal: 1:1: " OFF },
	{ "{ listen: '192.0.2.1:1', acl: [] }", "not fatal: 1:31: acl: " OFF },
	{ "{ listen: '127.0.0.1:1' }", "" },
	{ "{ listen: '[::1]:1', acl: [] }", "" },
	{ "{ listen: 'localhost:1' }", "" },
	{ "{ listen: 'localhost.example:1' }", "not fatal: 1:1: " OFF },
	{ "{ listen: '0.0.0.0:21829', acl: [{ " A
	  ", allowed_src_ips: ['192.0.2.1'] }] }",
	    "not fatal: 1:11: listen: warning: 0.0.0.0 listens for IPv4 only; "
	    "\":21829\" is for both families" },
	{ SERVER("{ " A ", allowed_src_ips: ['192.0.2.1'] }"), "" },
	{ SERVER("{ allowed_src_ips: ['192.0.2.1'] }"),
	    "not fatal: 2:1: acl[0]: " BLANK },
	{ SERVER("{ auth: '', allowed_src_ips: ['192.0.2.1'] }"),
	    "not fatal: 2:9: acl[0].auth: " BLANK },
	{ SERVER("{ auth: '0123456789abcde', allowed_src_ips: ['::1'] }"),
	    "not fatal: 2:9: acl[0].auth: " SHORT("15") },
	{ SERVER("{ auth: '\\0', allowed_src_ips: ['::1'] }"),
	    "not fatal: 2:9: acl[0].auth: " SHORT("1") },
	{ SERVER("{ auth: ['0123456789abcdef', 'x', ''], "
		 "allowed_src_ips: ['::1'] }"),
	    "not fatal: 2:30: acl[0].auth[1]: " SHORT(
		"1") " | not fatal: 2:35: acl[0].auth[2]: " BLANK },
	{ SERVER("{ " A " }"), "not fatal: 2:1: acl[0]: " ANY("acl[0]") },
	{ SERVER("{ name: 'alice', " A ", allowed_src_ips: [] }"),
	    "not fatal: 2:61: acl[0].allowed_src_ips: " ANY("alice") },
	{ SERVER("{ " A ", allowed_src_ips: ['192.0.2.1', '::/0'] }"),
	    "not fatal: 2:46: acl[0].allowed_src_ips: " ANY("acl[0]") },
	/* Nothing is left out, although no prefix is everything. */
	{ SERVER("{ " A ", allowed_src_ips: ['128.0.0.0/1', '0.0.0.0/1'] }"),
	    "not fatal: 2:46: acl[0].allowed_src_ips: " ANY("acl[0]") },
	{ SERVER("{ " A ", allowed_src_ips: ['0.0.0.0/2', '10.0.0.0/8', "
		 "'64.0.0.0/2', '128.0.0.0/1', '128.0.0.0/1'] }"),
	    "not fatal: 2:46: acl[0].allowed_src_ips: " ANY("acl[0]") },
	{ SERVER("{ " A ", allowed_src_ips: ['2000::/3'] }"),
	    "not fatal: 2:46: acl[0].allowed_src_ips: " ANY("acl[0]") },
	{ SERVER("{ " A ", allowed_src_ips: ['::/1'] }"),
	    "not fatal: 2:46: acl[0].allowed_src_ips: " ANY("acl[0]") },
	{ SERVER("{ " A ", allowed_src_ips: ['3000::/4', '2000::/4'] }"),
	    "not fatal: 2:46: acl[0].allowed_src_ips: " ANY("acl[0]") },
	/* Something is. */
	{ SERVER("{ " A ", allowed_src_ips: ['0.0.0.0/1', '128.0.0.0/2',\n"
		 "'0.0.0.0/2', '2000::/4', 'fc00::/7', '8000::/1'] }"),
	    "" },
	/* Everybody overlaps with one who may send from anywhere. */
	{ SERVER("{ " A ", allowed_src_ips: ['0.0.0.0/0'] },\n"
		 "{ " B ", allowed_src_ips: ['192.0.2.1'] }"),
	    "not fatal: 2:46: acl[0].allowed_src_ips: " ANY("acl[0]") },
	{ SERVER("{ " A ", allowed_src_ips: ['192.0.2.0/25'] },\n"
		 "{ " B ", allowed_src_ips: ['192.0.2.128/25', '::1'] }"),
	    "" },
	{ SERVER("{ name: 'alice', " A ", allowed_src_ips: ['192.0.2.1'] },\n"
		 "{ name: 'bob', " B ", allowed_src_ips: ['192.0.2.1'] }"),
	    "not fatal: 3:60: acl[1].allowed_src_ips[0]: " OVERLAP(
		"192.0.2.1/32 of bob", "192.0.2.1/32 of alice") },
	/* Whose is inside has nothing to do with who comes first. */
	{ SERVER("{ " A ", allowed_src_ips: ['2001:db8::1', '192.0.2.9'] },\n"
		 "{ " B ", allowed_src_ips: ['2001:db8::/32'] }"),
	    "not fatal: 2:47: acl[0].allowed_src_ips[0]: " OVERLAP(
		"2001:db8::1/128 of acl[0]", "2001:db8::/32 of acl[1]") },
	{ SERVER("{ " A ", allowed_src_ips: ['10.0.0.0/8', '10.1.0.0/16',\n"
		 "'10.1.2.0/24', '10.1.2.0/24'] }"),
	    "" },
	/* Around it is a prefix of its own, and behind that the other's. */
	{ SERVER("{ " A ", allowed_src_ips: ['10.0.0.0/8'] },\n"
		 "{ " B ", allowed_src_ips: ['11.0.0.0/8', '11.1.0.0/16',\n"
		 "'10.1.2.0/24'] }"),
	    "not fatal: 4:1: acl[1].allowed_src_ips[2]: " OVERLAP(
		"10.1.2.0/24 of acl[1]", "10.0.0.0/8 of acl[0]") },
};

static const struct {
	const char *text, *reported;
} clients[] = {
	{ CLIENT(", " A), "" },
	{ CLIENT(""), "not fatal: 2:11: outbound: " BLANK },
	{ CLIENT(", auth: 'short'"),
	    "not fatal: 2:35: outbound.auth: " SHORT("5") },
	{ "{ inbound: { listen: '0.0.0.0:9001' },\n"
	  "outbound: { server: 'x:2', " A " } }",
	    "not fatal: 1:22: inbound.listen: warning: 0.0.0.0 listens for "
	    "IPv4 only; \":9001\" is for both families" },
};

static void
check(enum config_kind kind, const char *text, const char *reported)
{
	struct config *config = config_load(
	    problems_file(text, strlen(text)), kind, problems_report);

	problems_forget_file();
	ck_assert_ptr_nonnull(config);
	config_unref(config);
	ck_assert_str_eq(problems_reported(), reported);
}

START_TEST(what_a_server_half_leaves_open_is_told)
{
	check(CONFIG_SERVER, servers[_i].text, servers[_i].reported);
}
END_TEST

START_TEST(what_a_client_half_leaves_open_is_told)
{
	check(CONFIG_CLIENT, clients[_i].text, clients[_i].reported);
}
END_TEST

/* Otherwise it would be read as what is to be mended. */
START_TEST(of_a_broken_file_only_mistakes_are_told)
{
	const char text[] = "{ listen: ':1', timeout: true, acl: [{}] }";

	ck_assert_ptr_null(config_load(
	    problems_file(text, strlen(text)), CONFIG_SERVER, problems_report));
	problems_forget_file();
	ck_assert_ptr_null(strstr(problems_reported(), "warning"));
}
END_TEST

#define FILE_MODE(may)                                     \
	"not fatal:  warning: other system users can " may \
	"; forbid that with chmod o-rwx"

static const struct {
	mode_t mode;
	const char *reported;
} modes[] = {
	{ 0600, "" },
	{ 0660, "" },
	{ 0644, FILE_MODE("read this file and the secrets in it") },
	{ 0602,
	    FILE_MODE("write to this file and permit themselves anything") },
};

START_TEST(a_file_that_is_open_to_others_is_told)
{
	const char text[] = SERVER("{ " A ", allowed_src_ips: ['::1'] }");
	const char *path = problems_file(text, strlen(text));

	ck_assert_int_eq(chmod(path, modes[_i].mode), 0);
	config_unref(config_load(path, CONFIG_SERVER, problems_report));
	problems_forget_file();
	ck_assert_str_eq(problems_reported(), modes[_i].reported);
}
END_TEST

static char loaded_warning[512];

static void
keep_warning(bool fatal, const char *problem)
{
	ck_assert(!fatal);
	snprintf(loaded_warning, sizeof(loaded_warning), "%s", problem);
}

/* Where the sticky bit keeps others from another's files, it is no danger. */
static const struct {
	mode_t mode;
	bool is_told;
} folders[] = { { 0755, false }, { 0775, false }, { 01777, false },
	{ 0757, true }, { 0777, true } };

START_TEST(a_folder_that_is_open_to_others_is_told)
{
	char folder[] = "/tmp/srcproxy-test-XXXXXX", path[64], expected[256];
	const char text[] = SERVER("{ " A ", allowed_src_ips: ['::1'] }");
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	sprintf(path, "%s/a.json", folder);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
	chmod(path, 0600);
	chmod(folder, folders[_i].mode);
	loaded_warning[0] = '\0';
	config_unref(config_load(path, CONFIG_SERVER, keep_warning));
	unlink(path);
	rmdir(folder);
	sprintf(expected,
	    "%s: warning: other system users can write to its folder %s and "
	    "replace the file; forbid that with chmod o-w",
	    path, folder);
	ck_assert_str_eq(loaded_warning, folders[_i].is_told ? expected : "");
}
END_TEST

static unsigned warning_count;

static void
count_warning(bool fatal, const char *problem)
{
	ck_assert(!fatal);
	ck_assert_ptr_nonnull(problem);
	warning_count++;
}

/* Each is in the same prefix as all others. */
static void
load_many(unsigned size)
{
	char *text = malloc(size * 64 + 64);
	size_t len = (size_t)sprintf(text, "{ listen: ':1', acl: [");
	struct config *config;

	for (unsigned i = 0; i < size; i++)
		len += (size_t)sprintf(text + len,
		    "{auth:'%x',allowed_src_ips:['10.0.0.0/8']},\n", i);
	len += (size_t)sprintf(text + len, "] }");
	warning_count = 0;
	config =
	    config_load(problems_file(text, len), CONFIG_SERVER, count_warning);
	problems_forget_file();
	ck_assert_ptr_nonnull(config);
	config_unref(config);
	free(text);
}

START_TEST(very_many_overlaps_are_few_lines_and_no_work)
{
	double ratio = effort_ratio(load_many, 5000, 20000, 6);

	/* Short secrets, overlaps, and how many more there are. */
	ck_assert_uint_eq(warning_count, 2 * MESSAGE_QUOTA + 1);
	ck_assert_msg(ratio < 6, "%f times as long", ratio);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("exposure");
	TCase *open = tcase_create("open");

	tcase_add_loop_test(
	    open, what_a_server_half_leaves_open_is_told, 0, COUNT(servers));
	tcase_add_loop_test(
	    open, what_a_client_half_leaves_open_is_told, 0, COUNT(clients));
	tcase_add_test(open, of_a_broken_file_only_mistakes_are_told);
	tcase_add_loop_test(
	    open, a_file_that_is_open_to_others_is_told, 0, COUNT(modes));
	tcase_add_loop_test(
	    open, a_folder_that_is_open_to_others_is_told, 0, COUNT(folders));
	tcase_add_test(open, very_many_overlaps_are_few_lines_and_no_work);
	suite_add_tcase(suite, open);
	return suite;
}
