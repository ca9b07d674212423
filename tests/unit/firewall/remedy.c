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
	const char *objects, *pass, *jump, *name;
} cases[] = {
	{ INPUT("accept") RULE("in", "5", DROP),
	    "nft insert rule inet t in position 5 ip saddr 192.0.2.0/24 "
	    "tcp dport 9001 accept",
	    "nft insert rule inet t in position 5 ip saddr 192.0.2.0/24 "
	    "tcp dport 9001 jump ours",
	    "chain in of the table inet t, rule with handle 5" },
	{ INPUT("drop"),
	    "nft add rule inet t in ip saddr 192.0.2.0/24 tcp dport 9001 "
	    "accept",
	    "nft add rule inet t in ip saddr 192.0.2.0/24 tcp dport 9001 "
	    "jump ours",
	    "chain in of the table inet t, policy" },
	/* nft lists this rule, but iptables made it. */
	{ "{chain:{family:'ip',table:'filter',name:'INPUT',type:'filter',"
	  "hook:'input',prio:0,policy:'accept'}},{rule:{family:'ip',"
	  "table:'filter',chain:'INPUT',handle:5,expr:[{drop:null}]}}",
	    "iptables -t filter -I INPUT 1 -s 192.0.2.0/24 -p tcp "
	    "--dport 9001 -j ACCEPT",
	    "iptables -t filter -I INPUT 1 -s 192.0.2.0/24 -p tcp "
	    "--dport 9001 -j ours",
	    NULL },
	{ "{table:{family:'inet',name:'firewalld',flags:['owner','persist']}},"
	  "{chain:{family:'inet',table:'firewalld',name:'c',type:'filter',"
	  "hook:'input',prio:10,policy:'accept'}},{rule:{family:'inet',"
	  "table:'firewalld',chain:'c',handle:5,expr:[{drop:null}]}}",
	    "firewall-cmd --permanent --add-rich-rule='rule priority=\"-1\" "
	    "family=\"ipv4\" source address=\"192.0.2.0/24\" "
	    "port port=\"9001\" protocol=\"tcp\" accept' "
	    "&& firewall-cmd --reload",
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
	selection.jump = "ours";
	ck_assert(remedy_pass(ruleset, &walk.cause, &selection, &text));
	if (cases[_i].jump)
		ck_assert_str_eq(text.chars, cases[_i].jump);
	if (cases[_i].name)
		ck_assert_str_eq(
		    remedy_name(&walk.cause, &name), cases[_i].name);
	ruleset_destroy(ruleset);
}
END_TEST

/* Only what has the mark passes, not all that the users send. */
START_TEST(the_mark_is_part_of_the_command)
{
	static const struct {
		const char *objects, *pass;
	} marked[] = {
		{ INPUT("drop"),
		    "nft add rule inet t in ip saddr 192.0.2.0/24 meta mark "
		    "and 0x7f000000 == 0x52000000 accept" },
		{ "{chain:{family:'ip',table:'filter',name:'INPUT',"
		  "type:'filter',hook:'input',prio:0,policy:'drop'}}",
		    "iptables -t filter -A INPUT -s 192.0.2.0/24 -m mark "
		    "--mark 0x52000000/0x7f000000 -j ACCEPT" },
	};

	for (size_t i = 0; i < 2; i++) {
		struct ruleset *ruleset = make_ruleset(marked[i].objects);
		struct walk walk = walk_once(ruleset, HOOK_INPUT);
		struct selection selection = select_port();
		struct text text;

		selection.port = 0;
		selection.mark = 0x52000000;
		selection.mask = 0x7f000000;
		ck_assert(remedy_pass(ruleset, &walk.cause, &selection, &text));
		ck_assert_str_eq(text.chars, marked[i].pass);
		ruleset_destroy(ruleset);
	}
}
END_TEST

static const struct {
	const char *chain, *fix; /* fix: its beginning */
} firewalld[] = {
	{ "filter_IN_home",
	    "firewall-cmd --permanent --zone=home --add-rich-rule" },
	{ "filter_IN_my_net_deny",
	    "firewall-cmd --permanent --zone=my_net --add-rich-rule" },
	{ "filter_IN_home_to_HOST",
	    "firewall-cmd --permanent --zone=home --add-rich-rule" },
	{ "filter_IN_my_net_to_HOST",
	    "firewall-cmd --permanent --zone=my_net --add-rich-rule" },
	{ "filter_IN_policy_allow-host-ipv6",
	    "firewall-cmd --permanent --policy=allow-host-ipv6 "
	    "--add-rich-rule" },
	{ "filter_FWD_policy_no_web_deny",
	    "firewall-cmd --permanent --policy=no_web --add-rich-rule" },
	{ "filter_INPUT", "firewall-cmd --permanent --add-rich-rule" },
	{ "nat_POST_public_allow",
	    "firewall-cmd --permanent --new-ipset=srcproxy-users "
	    "--type=hash:net --option=family=inet || :; firewall-cmd "
	    "--permanent --ipset=srcproxy-users --add-entry=192.0.2.0/24; "
	    "firewall-cmd --permanent --zone=public --remove-masquerade; "
	    "firewall-cmd --permanent --zone=public --remove-rich-rule='rule "
	    "family=\"ipv4\" masquerade'; firewall-cmd --permanent "
	    "--zone=public --add-rich-rule='rule "
	    "priority=\"-1\" family=\"ipv4\" source NOT "
	    "ipset=\"srcproxy-users\" masquerade'" },
	{ "filter_FWD_public",
	    "firewall-cmd --permanent --new-policy=srcproxy || :; firewall-cmd "
	    "--permanent --policy=srcproxy --add-ingress-zone=ANY; "
	    "firewall-cmd --permanent --policy=srcproxy "
	    "--add-egress-zone=ANY; firewall-cmd --permanent "
	    "--policy=srcproxy --add-rich-rule" },
};

/* Tried with firewalld 1.3.3: the gate's own services stay closed to users. */
START_TEST(firewalld_accepts_packets_to_foreign_addresses)
{
	static const char fix[] =
	    "firewall-cmd --permanent --new-ipset=srcproxy-own --type=hash:ip "
	    "--option=family=inet || :; for address in $(ip -4 -o address | "
	    "sed 's/.* inet6\\{0,1\\} \\([^/ ]*\\).*/\\1/'); do firewall-cmd "
	    "--permanent --ipset=srcproxy-own --add-entry=$address; done; "
	    "firewall-cmd --permanent --zone=home --add-rich-rule='rule "
	    "priority=\"-1\" family=\"ipv4\" source address=\"192.0.2.0/24\" "
	    "destination NOT ipset=\"srcproxy-own\" protocol value=\"tcp\" "
	    "accept' && firewall-cmd --reload";
	struct selection marked = select_port();
	struct ruleset *ruleset = make_ruleset(
	    "{chain:{family:'inet',table:'firewalld',name:'filter_IN_home',"
	    "type:'filter',hook:'input',prio:0,policy:'drop'}}");
	struct walk walk = walk_once(ruleset, HOOK_INPUT);
	struct text text;

	marked.port = 0;
	marked.mark = 0x52000000;
	marked.mask = 0x7f000000;
	ck_assert(remedy_pass_all(ruleset, &walk, &marked, &text));
	ck_assert_str_eq(text.chars, fix);
	ruleset_destroy(ruleset);
}
END_TEST

/* The commands were tried with firewalld 1.3.3. */
START_TEST(firewalld_changes_the_zone_of_the_chain)
{
	struct ruleset *ruleset;
	struct walk walk;
	struct selection selection = select_port();
	struct text objects, text;

	text_set(&objects,
	    "{chain:{family:'inet',table:'firewalld',name:'%s',"
	    "type:'filter',hook:'input',prio:0,policy:'drop'}}",
	    firewalld[_i].chain);
	ruleset = make_ruleset(objects.chars);
	walk = walk_once(ruleset, HOOK_INPUT);
	ck_assert(remedy_pass_all(ruleset, &walk, &selection, &text));
	ck_assert_msg(
	    !strncmp(text.chars, firewalld[_i].fix, strlen(firewalld[_i].fix)),
	    "%s", text.chars);
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

#define UFW(rules)                                                \
	"*filter\n:INPUT DROP [0:0]\n:ufw-before-input - [0:0]\n" \
	":ufw-user-input - [0:0]\n-A INPUT -j ufw-before-input\n" \
	"-A INPUT -j ufw-user-input\n" rules "COMMIT\n"

START_TEST(names_that_a_shell_would_split_are_quoted)
{
	struct ruleset *ruleset = make_iptables("ip",
	    "*filter\n:INPUT ACCEPT [0:0]\n:a&b;c - [0:0]\n"
	    "-A INPUT -j a&b;c\n-A a&b;c -j DROP\nCOMMIT\n");
	struct walk walk = walk_once(ruleset, HOOK_INPUT);
	const struct selection any = { .family = AF_INET };
	struct text text;

	ck_assert(remedy_pass(ruleset, &walk.cause, &any, &text));
	ck_assert_str_eq(
	    text.chars, "iptables-legacy -t filter -I 'a&b;c' 1 -j ACCEPT");
	ruleset_destroy(ruleset);
}
END_TEST

static const struct {
	const char *saved, *fix;
} ufw[] = {
	{ UFW(""),
	    "ufw prepend allow proto tcp from 192.0.2.0/24 to any port 9001" },
	{ UFW("-A ufw-user-input -p tcp -j REJECT\n"),
	    "ufw prepend allow proto tcp from 192.0.2.0/24 to any port 9001" },
	{ UFW("-A ufw-before-input -p tcp -j DROP\n"),
	    "iptables-legacy -t filter -I ufw-before-input 1 -s 192.0.2.0/24 "
	    "-p tcp --dport 9001 -j ACCEPT" },
};

START_TEST(ufw_changes_its_own_rules)
{
	struct ruleset *ruleset = make_iptables("ip", ufw[_i].saved);
	struct walk walk = walk_once(ruleset, HOOK_INPUT);
	struct selection selection = select_port();
	struct text text;

	ck_assert(remedy_pass_all(ruleset, &walk, &selection, &text));
	ck_assert_str_eq(text.chars, ufw[_i].fix);
	ruleset_destroy(ruleset);
}
END_TEST

#define SECOND(hook, statements)                                              \
	"{chain:{family:'inet',table:'u',name:'c',type:'filter',"             \
	"hook:'" hook "',prio:-5,policy:'accept'}},"                          \
	"{rule:{family:'inet',table:'u',chain:'c',handle:9,expr:[" statements \
	"]}},"

static const struct {
	const char *objects, *commands;
} drops[] = {
	{ INPUT("accept") RULE("in", "5", DROP) SECOND("input", DROP),
	    "nft insert rule inet u c position 9 ip saddr 192.0.2.0/24 "
	    "tcp dport 9001 accept; "
	    "nft insert rule inet t in position 5 ip saddr 192.0.2.0/24 "
	    "tcp dport 9001 accept" },
	/* A rule at the end is never reached. */
	{ INPUT("drop") RULE("in", "5", "{return:null}"),
	    "nft insert rule inet t in ip saddr 192.0.2.0/24 tcp dport 9001 "
	    "accept" },
	{ INPUT("drop") CHAIN("one", "")
		RULE("in", "5", "{goto:{target:'one'}}"),
	    "nft insert rule inet t in ip saddr 192.0.2.0/24 tcp dport 9001 "
	    "accept" },
};

START_TEST(all_that_drop_it_are_told_to_let_it_pass)
{
	struct ruleset *ruleset = make_ruleset(drops[_i].objects);
	struct walk walk = walk_once(ruleset, HOOK_INPUT);
	struct selection selection = select_port();
	struct text text;

	ck_assert_int_eq(walk.fate, FATE_DROPPED);
	ck_assert(remedy_pass_all(ruleset, &walk, &selection, &text));
	ck_assert_str_eq(text.chars, drops[_i].commands);
	ruleset_destroy(ruleset);
}
END_TEST

#define OUTGOING(hook, prio)                                      \
	"{chain:{family:'inet',table:'t',name:'c',type:'filter'," \
	"hook:'" hook "',prio:" prio                              \
	",policy:'accept'}}," RULE("c", "5", DROP)

static const struct {
	enum hook hook;
	const char *objects, *match;
} answers[] = {
	{ HOOK_OUTPUT, OUTGOING("output", "0"),
	    "tcp sport 9001 ct state established,related accept" },
	{ HOOK_OUTPUT, OUTGOING("output", "-300"), "tcp sport 9001 accept" },
	{ HOOK_POSTROUTING,
	    "{chain:{family:'netdev',table:'t',name:'c',type:'filter',"
	    "hook:'egress',prio:0,policy:'accept',dev:'eth0'}},"
	    "{rule:{family:'netdev',table:'t',chain:'c',handle:5,expr:["
	    "{drop:null}]}}",
	    "tcp sport 9001 accept" },
};

/* Some hooks know no conntrack, and "ct state" cannot be loaded there. */
START_TEST(answers_pass_by_their_port_and_by_conntrack_if_it_is_there)
{
	struct ruleset *ruleset = make_ruleset(answers[_i].objects);
	const struct selection replies = {
		.family = AF_INET, .port = 9001, .is_reply = true
	};
	struct packet request, answer;
	struct text text;
	struct walk walk;

	make_packet(&request);
	packet_answer(&answer, &request);
	answer.fields[FIELD_OIF] = value_of_name("eth0");
	walk_init(&walk, &answer);
	walk_through(&walk, ruleset, answers[_i].hook);
	ck_assert_int_eq(walk.fate, FATE_DROPPED);
	ck_assert(remedy_pass_all(ruleset, &walk, &replies, &text));
	ck_assert_str_eq(strstr(text.chars, "tcp sport"), answers[_i].match);
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(nobody_is_to_blame_where_nothing_was_found)
{
	const struct cause nobody = { .chain = NULL };
	struct selection selection = select_port();
	struct text text;

	ck_assert(!remedy_pass(NULL, &nobody, &selection, &text));
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
	tcase_add_test(tcase, the_mark_is_part_of_the_command);
	tcase_add_loop_test(tcase, firewalld_changes_the_zone_of_the_chain, 0,
	    COUNT(firewalld));
	tcase_add_test(tcase, firewalld_accepts_packets_to_foreign_addresses);
	tcase_add_test(tcase, another_programs_own_table_is_left_alone);
	tcase_add_test(tcase, replies_are_let_pass_in_legacy_tables);
	tcase_add_test(tcase, names_that_a_shell_would_split_are_quoted);
	tcase_add_loop_test(
	    tcase, all_that_drop_it_are_told_to_let_it_pass, 0, COUNT(drops));
	tcase_add_loop_test(tcase,
	    answers_pass_by_their_port_and_by_conntrack_if_it_is_there, 0,
	    COUNT(answers));
	tcase_add_loop_test(tcase, ufw_changes_its_own_rules, 0, COUNT(ufw));
	tcase_add_test(tcase, nobody_is_to_blame_where_nothing_was_found);
	suite_add_tcase(suite, tcase);
	return suite;
}
