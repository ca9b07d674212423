#include "firewall/ruleset.h"

#include <sys/stat.h>
#include <unistd.h>

#include "firewall/rules.h"
#include "suite.h"

#define LISTING(flags) \
	"{table:{family:'inet',name:'t',flags:" flags "}}," INPUT("drop")

static const struct {
	const char *flags;
	enum fate fate;
} flags[] = {
	{ "[]", FATE_DROPPED },
	{ "'owner'", FATE_DROPPED },
	{ "['owner','persist']", FATE_DROPPED },
	{ "'dormant'", FATE_ACCEPTED },
	{ "['dormant']", FATE_ACCEPTED },
	/* nft 1.0.6 prints some other word instead of "dormant". */
	{ "'Lester Gooch #5'", FATE_UNKNOWN },
};

START_TEST(a_table_that_sleeps_drops_nothing)
{
	struct ruleset *ruleset;
	char text[256];

	snprintf(text, sizeof(text), LISTING("%s"), flags[_i].flags);
	ruleset = make_ruleset(text);
	ck_assert_int_eq(walk_once(ruleset, HOOK_INPUT).fate, flags[_i].fate);
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(what_is_no_listing_is_refused)
{
	static const char *const bad[] = { "", "{", "{nftables:[]}", "[]",
		"{nftables:{}}", "5" };
	struct ruleset ruleset = { .blind = NULL };

	ck_assert(!ruleset_add(&ruleset, TOOL_NFT, bad[_i], strlen(bad[_i])));
}
END_TEST

/* Other programs may print objects like these some day. */
START_TEST(odd_objects_do_no_harm)
{
	static const char *const odd[] = { "5", "[]", "null", "{rule:{}}",
		"{chain:{name:5,hook:[]}}",
		"{rule:{family:'inet',table:'t',"
		"chain:'in',expr:[5,[],{},{match:{}},{match:5},{vmap:{}},"
		"{mangle:{}},{jump:{}},{dnat:5},{set:{set:''}}]}}",
		"{set:{elem:5}}", "{table:{flags:[[],5]}}" };
	struct ruleset *ruleset;
	char text[512];

	snprintf(text, sizeof(text), "%s%s", INPUT("accept"), odd[_i]);
	ruleset = make_ruleset(text);
	walk_once(ruleset, HOOK_INPUT);
	ruleset_destroy(ruleset);
}
END_TEST

/* The test puts its own nft first in PATH. */
static const struct {
	const char *script;
	bool is_blind;
} tools[] = {
	{ "echo '{\"nftables\": [{\"metainfo\": {}}]}'", false },
	{ "echo '{\"nftables\": [{\"metainfo\": {}}]}'; exit 1", true },
	{ "", true },
	{ "kill -9 $$", true },
	{ "echo 'table inet t'", true },
};

START_TEST(what_nft_does_not_say_is_not_told)
{
	char folder[] = "/tmp/test-ruleset-XXXXXX", path[64], text[128];
	struct ruleset *ruleset;
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/nft", folder);
	file = fopen(path, "w");
	fprintf(file, "#!/bin/sh\n%s\n", tools[_i].script);
	fclose(file);
	ck_assert_int_eq(chmod(path, 0755), 0);
	snprintf(text, sizeof(text), "%s:%s", folder, getenv("PATH"));
	setenv("PATH", text, 1);
	ruleset = ruleset_create();
	ck_assert_msg((ruleset->blind != NULL) == tools[_i].is_blind, "%s: %s",
	    tools[_i].script, ruleset->blind ? ruleset->blind : "");
	ruleset_destroy(ruleset);
	unlink(path);
	rmdir(folder);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("ruleset");
	TCase *tcase = tcase_create("listings");

	tcase_add_loop_test(
	    tcase, a_table_that_sleeps_drops_nothing, 0, COUNT(flags));
	tcase_add_loop_test(tcase, what_is_no_listing_is_refused, 0, 6);
	tcase_add_loop_test(tcase, odd_objects_do_no_harm, 0, 8);
	tcase_add_loop_test(
	    tcase, what_nft_does_not_say_is_not_told, 0, COUNT(tools));
	suite_add_tcase(suite, tcase);
	return suite;
}
