#include "firewall/remedy.h"

#include <sys/socket.h>

#include "firewall/rules.h"
#include "suite.h"

static struct prefix users;

static struct selection
select_port(void)
{
	bool masked;

	ck_assert_ptr_null(prefix_parse("192.0.2.0/24", &users, &masked));
	return (struct selection){
		.family = AF_INET, .from = &users, .port = 9001
	};
}

static const struct {
	const char *objects, *pass, *delete, *name; /* delete NULL: none */
} cases[] = {
	{ INPUT("accept") RULE("in", "5", DROP),
	    "nft insert rule inet t in position 5 ip saddr 192.0.2.0/24 "
	    "tcp dport 9001 accept",
	    "nft delete rule inet t in handle 5",
	    "chain in of the table inet t, rule with handle 5" },
	{ INPUT("drop"),
	    "nft add rule inet t in ip saddr 192.0.2.0/24 tcp dport 9001 "
	    "accept",
	    NULL, "chain in of the table inet t, policy" },
	/* nft lists this rule, but iptables made it. */
	{ "{chain:{family:'ip',table:'filter',name:'INPUT',type:'filter',"
	  "hook:'input',prio:0,policy:'accept'}},{rule:{family:'ip',"
	  "table:'filter',chain:'INPUT',handle:5,expr:[{drop:null}]}}",
	    "iptables -t filter -I INPUT 1 -s 192.0.2.0/24 -p tcp "
	    "--dport 9001 -j ACCEPT",
	    "iptables -t filter -D INPUT 1", NULL },
	{ "{table:{family:'inet',name:'firewalld',flags:['owner','persist']}},"
	  "{chain:{family:'inet',table:'firewalld',name:'c',type:'filter',"
	  "hook:'input',prio:10,policy:'accept'}},{rule:{family:'inet',"
	  "table:'firewalld',chain:'c',handle:5,expr:[{drop:null}]}}",
	    "firewall-cmd --permanent --add-rich-rule='rule family=\"ipv4\" "
	    "source address=\"192.0.2.0/24\" port port=\"9001\" "
	    "protocol=\"tcp\" accept' && firewall-cmd --reload",
	    NULL, NULL },
};

START_TEST(the_tool_that_made_a_rule_lets_packets_pass_it)
{
	struct ruleset *ruleset = make_ruleset(cases[_i].objects);
	struct walk walk = walk_once(ruleset, HOOK_INPUT);
	struct selection selection = select_port();
	struct text text, name;

	ck_assert_int_eq(walk.fate, FATE_DROPPED);
	ck_assert(remedy_pass(ruleset, &walk.cause, &selection, &text));
	ck_assert_str_eq(text.chars, cases[_i].pass);
	ck_assert(remedy_delete(ruleset, &walk.cause, &text) ==
	    (cases[_i].delete != NULL));
	if (cases[_i].delete)
		ck_assert_str_eq(text.chars, cases[_i].delete);
	if (cases[_i].name)
		ck_assert_str_eq(
		    remedy_name(&walk.cause, &name), cases[_i].name);
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(another_programs_own_table_is_left_alone)
{
	struct ruleset *ruleset = make_ruleset(
	    "{table:{family:'inet',name:'t',flags:'owner'}}," INPUT("drop")
		RULE("in", "5", DROP));
	struct walk walk = walk_once(ruleset, HOOK_INPUT);
	struct selection selection = select_port();
	struct text text;

	ck_assert_int_eq(walk.fate, FATE_DROPPED);
	ck_assert(!remedy_pass(ruleset, &walk.cause, &selection, &text));
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(replies_are_let_pass_in_legacy_tables)
{
	struct ruleset *ruleset = make_iptables("ip",
	    "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -j ACCEPT\n"
	    "-A INPUT -j DROP\nCOMMIT\n");
	struct walk walk = walk_once(ruleset, HOOK_INPUT);
	const struct selection replies = { .family = AF_INET,
		.is_reply = true };
	struct text text;

	ck_assert(remedy_pass(ruleset, &walk.cause, &replies, &text));
	ck_assert_str_eq(text.chars,
	    "iptables-legacy -t filter -I INPUT 2 -m conntrack --ctstate "
	    "ESTABLISHED,RELATED -j ACCEPT");
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(nobody_is_to_blame_where_nothing_was_found)
{
	const struct cause nobody = { NULL, NULL, false };
	struct selection selection = select_port();
	struct text text;

	ck_assert(!remedy_pass(NULL, &nobody, &selection, &text));
	ck_assert(!remedy_delete(NULL, &nobody, &text));
	ck_assert_str_eq(remedy_name(&nobody, &text), "no rule");
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("remedy");
	TCase *tcase = tcase_create("commands");

	tcase_add_loop_test(tcase,
	    the_tool_that_made_a_rule_lets_packets_pass_it, 0, COUNT(cases));
	tcase_add_test(tcase, another_programs_own_table_is_left_alone);
	tcase_add_test(tcase, replies_are_let_pass_in_legacy_tables);
	tcase_add_test(tcase, nobody_is_to_blame_where_nothing_was_found);
	suite_add_tcase(suite, tcase);
	return suite;
}
