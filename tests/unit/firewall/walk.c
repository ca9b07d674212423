#include "firewall/walk.h"

#include "firewall/rules.h"
#include "suite.h"

#define LATER(statements)                                                   \
	"{chain:{family:'ip',table:'u',name:'c',type:'filter',"             \
	"hook:'input',prio:5,policy:'accept'}},"                            \
	"{rule:{family:'ip',table:'u',chain:'c',handle:9,expr:[" statements \
	"]}},"

/* handle: of the rule that decided or is unclear; 0: a policy, or no rule. */
static const struct {
	const char *objects;
	enum fate fate;
	uint64_t handle;
} cases[] = {
	{ INPUT("accept"), FATE_ACCEPTED, 0 },
	{ INPUT("drop"), FATE_DROPPED, 0 },
	{ INPUT("drop") RULE("in", "1", DPORT("==", "9001") ACCEPT),
	    FATE_ACCEPTED, 0 },
	{ INPUT("drop") RULE("in", "1", DPORT("==", "22") ACCEPT), FATE_DROPPED,
	    0 },
	{ INPUT("accept") RULE("in", "1", DPORT("!=", "22") DROP), FATE_DROPPED,
	    1 },
	{ INPUT("accept") RULE("in", "1",
	      DPORT("==", "{set:[22,{range:[9000,9010]}]}") "{reject:{type:'"
							    "tcp reset'}}"),
	    FATE_DROPPED, 1 },
	/* nft leaves out the match that the kind of the answer implies. */
	{ INPUT("accept") RULE("in", "1", "{reject:{type:'icmpv6',expr:4}}"),
	    FATE_ACCEPTED, 0 },
	{ INPUT("accept") RULE("in", "1", "{reject:{type:'icmp',expr:3}}"),
	    FATE_DROPPED, 1 },
	{ INPUT("accept") RULE("in", "1", DPORT(">", "9000") DROP),
	    FATE_DROPPED, 1 },
	{ INPUT("accept") RULE("in", "1", DPORT("<", "9001") DROP),
	    FATE_ACCEPTED, 0 },
	/* A match on a missing header fails with both operators. */
	{ INPUT("accept") RULE("in", "1",
	      "{match:{op:'!=',left:{payload:{protocol:'udp',"
	      "field:'dport'}},right:53}}," DROP),
	    FATE_ACCEPTED, 0 },
	{ INPUT("accept") RULE(
	      "in", "1", SADDR("{prefix:{addr:'192.0.2.0',len:24}}") DROP),
	    FATE_DROPPED, 1 },
	/* Here an IPv4-mapped block does not mean the IPv4 block. */
	{ INPUT("accept") RULE(
	      "in", "1", SADDR("{prefix:{addr:'::ffff:0.0.0.0',len:96}}") DROP),
	    FATE_ACCEPTED, 0 },
	{ INPUT("accept") RULE("in", "1",
	      "{match:{op:'==',left:{meta:{key:'iifname'}},"
	      "right:'et*'}}," DROP),
	    FATE_DROPPED, 1 },
	{ INPUT("accept") RULE("in", "1",
	      "{match:{op:'==',left:{meta:{key:'iifname'}},"
	      "right:'lo'}}," DROP),
	    FATE_ACCEPTED, 0 },
	/* nft -n prints this number in network byte order. */
	{ INPUT("accept") RULE("in", "1",
	      "{match:{op:'==',left:{meta:{key:'protocol'}},right:8}}," DROP),
	    FATE_DROPPED, 1 },
	{ INPUT("accept") RULE("in", "1",
	      "{match:{op:'in',left:{ct:{key:'state'}},"
	      "right:[2,8]}}," DROP),
	    FATE_DROPPED, 1 },
	{ INPUT("accept") "{set:{family:'inet',table:'t',name:'s',"
			  "elem:[{elem:{val:{concat:['192.0.2.1',"
			  "{range:[9000,9002]}]},comment:'x'}}]}}," RULE("in",
			      "1",
			      "{match:{op:'==',left:{concat:[{payload:{"
			      "protocol:'ip',"
			      "field:'saddr'}},{payload:{protocol:'tcp',field:'"
			      "dport'}}]},"
			      "right:'@s'}}," DROP),
	    FATE_DROPPED, 1 },
	{ INPUT("accept") RULE("in", "1", DPORT("==", "'@gone'") DROP),
	    FATE_UNKNOWN, 1 },
	/* Rules may add elements to a set after it was listed. */
	{ INPUT("accept") "{set:{family:'inet',table:'t',name:'s'}}," RULE(
	      "in", "1", "{set:{op:'add',elem:5,set:'@s'}}")
		RULE("in", "2", SADDR("'@s'") DROP),
	    FATE_UNKNOWN, 2 },
	{ INPUT("drop") CHAIN("one", "") RULE("one", "1",
	      DPORT("==", "9001") "{return:null}") RULE("one", "2", ACCEPT)
		RULE("in", "3", "{jump:{target:'one'}}"),
	    FATE_DROPPED, 0 },
	{ INPUT("drop") CHAIN("one", "")
		RULE("one", "1", DPORT("==", "22") DROP) RULE(
		    "in", "2", "{goto:{target:'one'}}") RULE("in", "3", ACCEPT),
	    FATE_DROPPED, 0 },
	{ INPUT("drop") CHAIN("one", "")
		RULE("one", "1", DPORT("==", "22") DROP) RULE(
		    "in", "2", "{jump:{target:'one'}}") RULE("in", "3", ACCEPT),
	    FATE_ACCEPTED, 0 },
	{ INPUT("accept") RULE("in", "1",
	      "{vmap:{key:{payload:{protocol:'tcp',field:'dport'}},"
	      "data:{set:[[22,{accept:null}],[{range:[9000,9005]},"
	      "{drop:null}]]}}}"),
	    FATE_DROPPED, 1 },
	{ INPUT("drop") RULE("in", "1",
	      "{vmap:{key:{payload:{protocol:'tcp',field:'dport'}},"
	      "data:{set:[[22,{drop:null}],['*',{accept:null}]]}}}"),
	    FATE_ACCEPTED, 0 },
	/* A rule that depends on time is unclear, unless all outcomes agree. */
	{ INPUT("accept") RULE("in", "1", LIMIT DROP), FATE_UNKNOWN, 1 },
	{ INPUT("accept") RULE("in", "1", LIMIT ACCEPT), FATE_ACCEPTED, 0 },
	{ INPUT("drop") RULE("in", "1", LIMIT ACCEPT) RULE("in", "2", DROP),
	    FATE_UNKNOWN, 1 },
	{ INPUT("accept") RULE("in", "1", LIMIT DROP) RULE("in", "2", DROP),
	    FATE_DROPPED, 2 },
	{ INPUT("drop") CHAIN("one", "") RULE("one", "1", LIMIT "{return:null}")
		RULE("one", "2", ACCEPT)
		    RULE("in", "3", "{jump:{target:'one'}}"),
	    FATE_UNKNOWN, 1 },
	{ INPUT("accept") RULE("in", "1", "{anything:{new:1}}"), FATE_UNKNOWN,
	    1 },
	{ INPUT("accept")
		RULE("in", "1", "{xt:{type:'match',name:'u32'}}," DROP),
	    FATE_UNKNOWN, 1 },
	/* After a rule that may set a mark, the mark's bits are unknown. */
	{ INPUT("accept") RULE("in", "1", LIMIT SET_MARK("5"))
		RULE("in", "2", MARK("5") DROP),
	    FATE_UNKNOWN, 1 },
	{ INPUT("accept") CHAIN("one", "") RULE("one", "1",
	      LIMIT "{return:null}") RULE("one", "2", SET_MARK("5")) RULE("in",
	      "3", "{jump:{target:'one'}}") RULE("in", "4", MARK("5") DROP),
	    FATE_UNKNOWN, 1 },
	{ INPUT("accept") RULE("in", "1", LIMIT SET_MARK("5"))
		RULE("in", "2", MARK("8") DROP),
	    FATE_ACCEPTED, 0 },
	{ INPUT("accept") RULE(
	      "in", "1", SET_MARK("{'|':[{'&':[{meta:{key:'mark'}},240]},5]}"))
		RULE("in", "2", MARK("5") DROP),
	    FATE_DROPPED, 2 },
	/* A packet that may have been accepted may not have got the mark. */
	{ INPUT("accept") RULE("in", "1", LIMIT ACCEPT)
		RULE("in", "2", SET_MARK("5")) LATER(MARK("5") DROP),
	    FATE_UNKNOWN, 9 },
	{ INPUT("accept") RULE("in", "1", LIMIT DROP)
		RULE("in", "2", SET_MARK("5")) LATER(MARK("5") DROP),
	    FATE_DROPPED, 9 },
	{ INPUT("accept") RULE("in", "1",
	      "{match:{op:'==',left:{exthdr:{name:'frag'}},right:true}}," DROP)
		RULE("in", "2",
		    "{match:{op:'!=',left:{exthdr:{name:'rt',field:'type'}},"
		    "right:0}}," DROP),
	    FATE_ACCEPTED, 0 },
	{ INPUT("accept") RULE("in", "1",
	      "{match:{op:'==',left:{'&':[{payload:{protocol:'ip',"
	      "field:'saddr'}},'255.255.0.255']},right:'192.0.0.1'}}," DROP),
	    FATE_DROPPED, 1 },
	/* Rules may add elements to a map, too. */
	{ INPUT("accept") "{map:{family:'inet',table:'t',name:'m',"
			  "elem:[[22,{accept:null}]]}}," RULE("in", "1",
			      "{map:{op:'add',elem:5,data:{drop:null},"
			      "map:'@m'}}") RULE("in", "2",
			      "{vmap:{key:{payload:{protocol:'tcp',field:'"
			      "dport'}},"
			      "data:'@m'}}") RULE("in", "3", DROP),
	    FATE_DROPPED, 3 },
	/* Priorities count over all tables, and drop is final. */
	{ INPUT(
	      "accept") "{chain:{family:'ip',table:'u',name:'c',"
			"type:'filter',hook:'input',prio:-5,policy:'accept'}},"
			"{rule:{family:'ip',table:'u',chain:'c',handle:9,"
			"expr:[" SET_MARK("5") "]}}," RULE(
			    "in", "1", MARK("5") DROP),
	    FATE_DROPPED, 1 },
	{ INPUT("accept") "{chain:{family:'ip6',table:'u',name:'c',"
			  "type:'filter',hook:'input',prio:5,policy:'drop'}},",
	    FATE_ACCEPTED, 0 },
};

START_TEST(each_ruleset_does_to_the_packet_what_the_kernel_does)
{
	struct ruleset *ruleset = make_ruleset(cases[_i].objects);
	struct walk walk = walk_once(ruleset, HOOK_INPUT);
	const struct rule *rule = walk.cause.rule;

	ck_assert_msg(walk.fate == cases[_i].fate, "%s: %d", cases[_i].objects,
	    walk.fate);
	ck_assert_msg((rule ? rule->handle : 0) == cases[_i].handle, "%s",
	    cases[_i].objects);
	ruleset_destroy(ruleset);
}
END_TEST

#define PREROUTING(type, priority)                              \
	CHAIN("pre",                                            \
	    ",type:'" type "',hook:'prerouting',prio:" priority \
	    ",policy:'accept'")

START_TEST(a_redirection_is_seen_with_its_rule)
{
	struct ruleset *ruleset = make_ruleset(PREROUTING("nat", "-100")
		RULE("pre", "7", DPORT("==", "9001") "{redirect:{port:80}}"));
	struct walk walk = walk_once(ruleset, HOOK_PREROUTING);

	ck_assert(packet_has(&walk.packet, FIELD_DPORT, 80));
	ck_assert(packet_has(&walk.packet, FIELD_DADDR_TYPE, 2));
	ck_assert_uint_eq(walk.changes[FIELD_DPORT].rule->handle, 7);
	ck_assert(walk.changes[FIELD_DPORT].is_sure);
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(what_accepts_in_front_of_a_redirection_is_named)
{
	struct ruleset *ruleset = make_ruleset(PREROUTING("nat", "-100")
		RULE("pre", "6", SADDR("'192.0.2.1'") ACCEPT)
		    RULE("pre", "7", "{redirect:{port:80}}"));
	struct walk walk = walk_once(ruleset, HOOK_PREROUTING);

	ck_assert(packet_has(&walk.packet, FIELD_DPORT, 9001));
	ck_assert_uint_eq(walk.passed.rule->handle, 6);
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(what_is_not_tracked_is_not_redirected)
{
	struct ruleset *ruleset = make_ruleset(CHAIN(
	    "raw", ",type:'filter',hook:'prerouting',prio:-300,policy:'accept'")
		RULE("raw", "5", "{notrack:null}") PREROUTING("nat", "-100")
		    RULE("pre", "7", "{redirect:{port:80}}"));
	struct walk walk = walk_once(ruleset, HOOK_PREROUTING);

	ck_assert(packet_has(&walk.packet, FIELD_DPORT, 9001));
	ck_assert(packet_has(&walk.packet, FIELD_CT_STATE, CT_UNTRACKED));
	ck_assert_uint_eq(walk.changes[FIELD_CT_STATE].rule->handle, 5);
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(a_redirection_that_may_be_leaves_the_port_unknown)
{
	struct ruleset *ruleset = make_ruleset(PREROUTING("nat", "-100")
		RULE("pre", "7", LIMIT "{redirect:{port:80}}"));
	struct walk walk = walk_once(ruleset, HOOK_PREROUTING);

	ck_assert(!packet_has(&walk.packet, FIELD_DPORT, 80));
	ck_assert(!packet_has(&walk.packet, FIELD_DPORT, 9001));
	ck_assert(!walk.changes[FIELD_DPORT].is_sure);
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(nothing_is_tracked_yet_where_raw_rules_look)
{
	struct ruleset *ruleset =
	    make_ruleset(PREROUTING("filter", "-300") RULE("pre", "1",
		"{match:{op:'==',left:{ct:{key:'mark'}},right:0}}," DROP)
		    RULE("pre", "2",
			"{match:{op:'in',left:{ct:{key:'state'}},"
			"right:1}}," DROP));
	struct walk walk = walk_once(ruleset, HOOK_PREROUTING);

	ck_assert_int_eq(walk.fate, FATE_DROPPED);
	ck_assert_uint_eq(walk.cause.rule->handle, 2);
	ruleset_destroy(ruleset);
}
END_TEST

/* A zone is put on the packet with an entry of its own, which is new. */
START_TEST(a_zone_makes_a_packet_new_where_raw_rules_look)
{
	struct ruleset *ruleset = make_ruleset(
	    PREROUTING("filter", "-300") RULE("pre", "1",
		"{mangle:{key:{ct:{key:'zone'}},value:7}}") RULE("pre", "2",
		"{match:{op:'in',left:{ct:{key:'state'}},right:1}}," DROP)
		RULE("pre", "3",
		    "{match:{op:'in',left:{ct:{key:'state'}},right:8}},"
		    "{match:{op:'==',left:{ct:{key:'zone'}},right:7}}," DROP));
	struct walk walk = walk_once(ruleset, HOOK_PREROUTING);

	ck_assert_int_eq(walk.fate, FATE_DROPPED);
	ck_assert_uint_eq(walk.cause.rule->handle, 3);
	ruleset_destroy(ruleset);
}
END_TEST

/* The connection has the mark for the next packet. */
START_TEST(a_dropped_packet_that_marks_its_connection_is_unsure)
{
	struct ruleset *ruleset = make_ruleset(INPUT("drop")
		RULE("in", "4", "{mangle:{key:{ct:{key:'mark'}},value:3}}"));
	struct packet first, answer, second;
	struct walk walk;

	ck_assert_int_eq(walk_once(ruleset, HOOK_INPUT).fate, FATE_DROPPED);
	make_packet(&first);
	packet_answer(&answer, &first);
	second = first;
	packet_follow(&second, &answer);
	walk_init(&walk, &second);
	walk_through(&walk, ruleset, HOOK_INPUT);
	ck_assert_int_eq(walk.fate, FATE_UNKNOWN);
	ck_assert_uint_eq(walk.cause.rule->handle, 4);
	ruleset_destroy(ruleset);
}
END_TEST

/* At the same priority, the kernel asks the chain made last first. */
START_TEST(the_later_of_two_nat_chains_is_asked_first)
{
	struct ruleset *ruleset = make_ruleset(PREROUTING("nat", "-100")
		RULE("pre", "1", "{redirect:{port:80}}") CHAIN("later",
		    ",type:'nat',hook:'prerouting',prio:-100,policy:'accept'")
		    RULE("later", "2", "{redirect:{port:81}}"));
	struct walk walk = walk_once(ruleset, HOOK_PREROUTING);

	ck_assert(packet_has(&walk.packet, FIELD_DPORT, 81));
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(masquerading_changes_the_source_for_sure)
{
	struct ruleset *ruleset = make_ruleset(CHAIN(
	    "post", ",type:'nat',hook:'postrouting',prio:100,policy:'accept'")
		RULE("post", "3", "{masquerade:null}"));
	struct walk walk = walk_once(ruleset, HOOK_POSTROUTING);

	ck_assert(!value_is_known(&walk.packet.fields[FIELD_SADDR]));
	ck_assert(walk.changes[FIELD_SADDR].is_sure);
	ck_assert_uint_eq(walk.changes[FIELD_SADDR].rule->handle, 3);
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(a_chain_of_a_device_is_for_what_comes_in_by_it)
{
	static const char *const devices[] = { ",dev:'eth0'",
		",dev:['lo','eth0']", ",dev:'lo'", "" };
	static const enum fate fates[] = { FATE_DROPPED, FATE_DROPPED,
		FATE_ACCEPTED, FATE_UNKNOWN };
	struct ruleset *ruleset;
	struct walk walk;
	char text[256];

	snprintf(text, sizeof(text),
	    "{chain:{family:'netdev',table:'n',name:'c',type:'filter',"
	    "hook:'ingress',prio:0,policy:'drop'%s}}",
	    devices[_i]);
	ruleset = make_ruleset(text);
	walk = walk_once(ruleset, HOOK_PREROUTING);
	ck_assert_int_eq(walk.fate, fates[_i]);
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(jumps_in_a_circle_come_to_an_end)
{
	struct ruleset *ruleset = make_ruleset(
	    INPUT("accept") RULE("in", "1", "{jump:{target:'in'}}"));

	ck_assert_int_eq(walk_once(ruleset, HOOK_INPUT).fate, FATE_UNKNOWN);
	ruleset_destroy(ruleset);
}
END_TEST

START_TEST(nothing_is_told_of_rules_that_could_not_be_read)
{
	struct ruleset *ruleset = make_ruleset(INPUT("accept"));

	ruleset->blind = "no reason";
	ck_assert_int_eq(walk_once(ruleset, HOOK_INPUT).fate, FATE_UNKNOWN);
	ruleset_destroy(ruleset);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("walk");
	TCase *filter = tcase_create("filter");
	TCase *other = tcase_create("other");

	tcase_add_loop_test(filter,
	    each_ruleset_does_to_the_packet_what_the_kernel_does, 0,
	    COUNT(cases));
	tcase_add_test(filter, jumps_in_a_circle_come_to_an_end);
	tcase_add_test(filter, nothing_is_told_of_rules_that_could_not_be_read);
	tcase_add_loop_test(
	    filter, a_chain_of_a_device_is_for_what_comes_in_by_it, 0, 4);
	tcase_add_test(other, a_redirection_is_seen_with_its_rule);
	tcase_add_test(other, what_accepts_in_front_of_a_redirection_is_named);
	tcase_add_test(other, what_is_not_tracked_is_not_redirected);
	tcase_add_test(
	    other, a_redirection_that_may_be_leaves_the_port_unknown);
	tcase_add_test(other, nothing_is_tracked_yet_where_raw_rules_look);
	tcase_add_test(other, a_zone_makes_a_packet_new_where_raw_rules_look);
	tcase_add_test(
	    other, a_dropped_packet_that_marks_its_connection_is_unsure);
	tcase_add_test(other, the_later_of_two_nat_chains_is_asked_first);
	tcase_add_test(other, masquerading_changes_the_source_for_sure);
	suite_add_tcase(suite, filter);
	suite_add_tcase(suite, other);
	return suite;
}
