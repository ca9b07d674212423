#include "firewall/packet.h"

#include "firewall/rules.h"
#include "suite.h"

static struct packet request;

static void
setup(void)
{
	make_packet(&request);
}

START_TEST(an_answer_goes_back_and_is_established)
{
	struct packet answer;

	request.fields[FIELD_CT_MARK] = value_of_number(5);
	request.fields[FIELD_MARK] = value_of_number(7);
	packet_answer(&answer, &request);
	ck_assert(packet_has(&answer, FIELD_SPORT, 9001));
	ck_assert(packet_has(&answer, FIELD_DPORT, 40000));
	ck_assert(packet_has(&answer, FIELD_CT_STATE, CT_ESTABLISHED));
	ck_assert(packet_has(&answer, FIELD_CT_MARK, 5));
	ck_assert(packet_has(&answer, FIELD_MARK, 0));
	packet_follow(&request, &answer);
	ck_assert(packet_has(&request, FIELD_CT_STATE, CT_ESTABLISHED));
}
END_TEST

START_TEST(an_unknown_client_has_no_privileged_port)
{
	const union address anybody = { .any.sa_family = AF_UNSPEC };
	union address to;
	struct range range = { .from = { 0, 1024 }, .to = { 0, 65535 } };

	ck_assert(address_parse("198.51.100.1", &to));
	packet_init(&request, &anybody, &to, IPPROTO_TCP);
	ck_assert_int_eq(
	    range_holds(&range, &request.fields[FIELD_SPORT]), TRUTH_YES);
	range.from[1] = 40000;
	ck_assert_int_eq(
	    range_holds(&range, &request.fields[FIELD_SPORT]), TRUTH_MAYBE);
}
END_TEST

START_TEST(an_answer_to_an_untracked_packet_is_invalid)
{
	struct packet answer;

	request.fields[FIELD_CT_STATE] = value_of_number(CT_UNTRACKED);
	packet_answer(&answer, &request);
	ck_assert(packet_has(&answer, FIELD_CT_STATE, CT_INVALID));
	packet_follow(&request, &answer);
	ck_assert(packet_has(&request, FIELD_CT_STATE, CT_UNTRACKED));
}
END_TEST

/* Conntrack has seen a SYN, so an ACK without SYN-ACK is invalid. */
START_TEST(what_follows_an_untracked_answer_is_invalid)
{
	struct packet answer;

	packet_answer(&answer, &request);
	answer.fields[FIELD_CT_STATE] = value_of_number(CT_UNTRACKED);
	packet_follow(&request, &answer);
	ck_assert(packet_has(&request, FIELD_CT_STATE, CT_INVALID));
}
END_TEST

#define ZONE(value) "{mangle:{key:{ct:{key:'zone'}},value:" value "}},"
#define RAW(statements)                                                   \
	CHAIN("raw",                                                      \
	    ",type:'filter',hook:'prerouting',prio:-300,policy:'accept'") \
	RULE("raw", "5", statements)

static const struct {
	const char *rules;
	bool is_tracked, is_known;
} zones[] = {
	{ RAW(ZONE("7")), true, true },
	{ RAW(ZONE("8")), false, true },
	{ RAW(LIMIT ZONE("7")), false, false },
	{ "{metainfo:{}}", false, true },
};

START_TEST(an_answer_in_another_zone_is_invalid)
{
	struct ruleset *ruleset = make_ruleset(zones[_i].rules);
	struct packet answer;
	struct walk walk;

	request.fields[FIELD_CT_ZONE] = value_of_number(7);
	packet_answer(&answer, &request);
	walk_init(&walk, &answer);
	walk_through(&walk, ruleset, HOOK_PREROUTING);
	ck_assert(packet_has(&walk.packet, FIELD_CT_STATE, CT_ESTABLISHED) ==
	    zones[_i].is_tracked);
	ck_assert(value_is_known(&walk.packet.fields[FIELD_CT_STATE]) ==
	    zones[_i].is_known);
	ruleset_destroy(ruleset);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("packet");
	TCase *tcase = tcase_create("answers");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, an_unknown_client_has_no_privileged_port);
	tcase_add_test(tcase, an_answer_goes_back_and_is_established);
	tcase_add_test(tcase, an_answer_to_an_untracked_packet_is_invalid);
	tcase_add_test(tcase, what_follows_an_untracked_answer_is_invalid);
	tcase_add_loop_test(
	    tcase, an_answer_in_another_zone_is_invalid, 0, COUNT(zones));
	suite_add_tcase(suite, tcase);
	return suite;
}
