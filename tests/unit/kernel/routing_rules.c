#include "kernel/routing_rules.h"

#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

/* A host of its own, whose users are behind the exit's own address. */
static const char links[] =
    "ip link set lo up; "
    "ip link add sc type veth peer name sc0; "
    "ip link set sc up; ip link set sc0 up; "
    "ip link add sd type veth peer name sd0; "
    "ip link set sd up; ip link set sd0 up; "
    "ip address add 203.0.113.1/24 dev sd; "
    "ip address add 198.51.100.2/24 dev sc; "
    "ip route add default via 203.0.113.254; "
    "ip route add local 192.0.2.128/25 dev lo table 30; "
    "ip rule add fwmark 5/0xff lookup 30 pref 30000; ";

static bool
make_host(const char *commands)
{
	char text[1024];

	if (unshare(CLONE_NEWNET))
		return false;
	snprintf(text, sizeof(text), "set -e; %s %s", links, commands);
	if (system(text))
		ck_abort_msg("%s", commands);
	return true;
}

/* What comes back from port 8000 of 203.0.113.2 to 192.0.2.200, marked. */
static const struct {
	const char *commands, *rule; /* that decides; NULL: none does */
	bool is_local;
} cases[] = {
	{ "", "pref 30000 fwmark 0x5/0xff lookup 30", true },
	/* wg-quick's */
	{ "ip rule add not fwmark 51820 table 51820 pref 29999; "
	  "ip rule add table main suppress_prefixlength 0 pref 29998; ",
	    "pref 30000 fwmark 0x5/0xff lookup 30", true },
	{ "ip rule add not fwmark 51820 table 51820 pref 29999; "
	  "ip route add default dev sc table 51820; ",
	    "pref 29999 not fwmark 0xca6c/0xffffffff lookup 51820", false },
	{ "ip rule add table main suppress_prefixlength 0 pref 29998; "
	  "ip route add 192.0.2.0/24 dev sc; ",
	    "pref 29998 lookup 254 suppress_prefixlength 0", false },
	{ "ip rule add to 192.0.2.0/24 goto 32766 pref 150; ",
	    "pref 32766 lookup 254", false },
	{ "ip rule add to 192.0.2.0/24 goto 777 pref 150; ",
	    "pref 30000 fwmark 0x5/0xff lookup 30", true },
	{ "ip rule add fwmark 0x5 to 192.0.2.0/24 unreachable pref 120; ",
	    "pref 120 to 192.0.2.0/24 fwmark 0x5/0xffffffff unreachable",
	    false },
	{ "ip rule add iif sd table main pref 200; ",
	    "pref 200 iif sd lookup 254", false },
	{ "ip rule add iif sc table main pref 200; ",
	    "pref 30000 fwmark 0x5/0xff lookup 30", true },
	{ "ip rule add ipproto 6 sport 8000 table main pref 140; ",
	    "pref 140 ipproto 6 sport 8000 lookup 254", false },
	{ "ip rule add ipproto 6 sport 8001-8100 table main pref 140; ",
	    "pref 30000 fwmark 0x5/0xff lookup 30", true },
	{ "ip rule add ipproto 17 table main pref 140; ",
	    "pref 30000 fwmark 0x5/0xff lookup 30", true },
	{ "ip rule add from 203.0.113.0/24 prohibit pref 160; ",
	    "pref 160 from 203.0.113.0/24 prohibit", false },
};

static struct routing_question
make_question(void)
{
	struct routing_question question = { .iif = "sd", .mark = 5 };

	ck_assert(address_parse("203.0.113.2", &question.from));
	ck_assert(address_parse("192.0.2.200", &question.to));
	address_set_port(&question.from, 8000);
	address_set_port(&question.to, 40000);
	return question;
}

START_TEST(the_rule_that_decides_is_named)
{
	struct routing_question question = make_question();
	struct routing_answer answer;
	struct routing_rules rules;
	struct text text = { 0 };
	int type;

	if (!make_host(cases[_i].commands))
		return;
	ck_assert_int_eq(routing_rules_init(&rules, AF_INET), 0);
	type = routing_rules_ask(&rules, &question, &answer);
	ck_assert_msg(answer.rule != NULL, "%s", cases[_i].commands);
	ck_assert_str_eq(
	    routing_rule_format(answer.rule, &text), cases[_i].rule);
	ck_assert((type == RTN_LOCAL) == cases[_i].is_local);
	ck_assert_ptr_null(answer.doubt);
	routing_rules_finish(&rules);
}
END_TEST

/* tun_id is nothing that this program knows of a packet. */
START_TEST(a_rule_with_more_than_is_known_is_in_doubt)
{
	struct routing_question question = make_question();
	struct routing_answer answer;
	struct routing_rules rules;

	if (!make_host("ip rule add tun_id 7 table main pref 100; "))
		return;
	ck_assert_int_eq(routing_rules_init(&rules, AF_INET), 0);
	ck_assert_int_eq(
	    routing_rules_ask(&rules, &question, &answer), RTN_LOCAL);
	ck_assert_ptr_nonnull(answer.doubt);
	ck_assert_uint_eq(answer.doubt->preference, 100);
	ck_assert_uint_eq(answer.rule->preference, 30000);
	routing_rules_finish(&rules);
}
END_TEST

START_TEST(a_source_that_is_not_known_may_be_any)
{
	struct routing_question question = make_question();
	struct routing_answer answer;
	struct routing_rules rules;

	if (!make_host("ip rule add from 203.0.113.9 table main pref 100; "))
		return;
	question.iif = NULL;
	question.from.any.sa_family = AF_UNSPEC;
	ck_assert_int_eq(routing_rules_init(&rules, AF_INET), 0);
	ck_assert_int_eq(
	    routing_rules_ask(&rules, &question, &answer), RTN_LOCAL);
	ck_assert_uint_eq(answer.doubt->preference, 100);
	ck_assert_uint_eq(answer.rule->preference, 30000);
	routing_rules_finish(&rules);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("routing_rules");
	TCase *tcase = tcase_create("rules");

	tcase_add_loop_test(
	    tcase, the_rule_that_decides_is_named, 0, COUNT(cases));
	tcase_add_test(tcase, a_rule_with_more_than_is_known_is_in_doubt);
	tcase_add_test(tcase, a_source_that_is_not_known_may_be_any);
	suite_add_tcase(suite, tcase);
	return suite;
}
