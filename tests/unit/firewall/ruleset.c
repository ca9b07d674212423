#include "firewall/ruleset.h"

#include "suite.h"

static const struct {
	const char *rules;
	bool marks;
} markings[] = {
	{ "ip daddr 198.51.100.0/24 socket transparent 1 "
	  "meta mark set 0x00000005\n",
	    true },
	{ "ct mark 0x1 meta mark set 0x5", true },
	{ "-A PREROUTING -j MARK --set-xmark 0x5/0xffffffff\n", true },
	{ "-A PREROUTING -j MARK --set-mark 0x5\n", true },
	{ "meta mark set 0x00000050\n", false },
	{ "-A PREROUTING -j MARK --set-xmark 0x55/0xffffffff\n", false },
	{ "meta mark 0x00000005 accept\n", false },
	{ "ct mark set 0x00000005\n", false },
	{ "ct mark 0x00000005 meta mark set 0x00000001\n", false },
	{ "meta mark set 0x00000015\n", false },
	{ "meta mark set meta mark | 0x00000005\n", true },
	{ "meta mark set ct mark\n", true },
	{ "-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xf\n", true },
	{ "-A PREROUTING -j MARK --set-xmark 0x1/0x5\n", false },
	{ "-A PREROUTING -p tcp -j TPROXY --on-port 5 --on-ip 0.0.0.0 "
	  "--tproxy-mark 0x5/0xffffffff\n",
	    true },
	{ "-A PREROUTING -j CONNMARK --set-xmark 0x5/0xffffffff\n", false },
	{ "", false },
};

START_TEST(a_rule_that_gives_the_mark_is_found)
{
	ck_assert_msg(ruleset_marks(markings[_i].rules, 5, UINT32_MAX) ==
		markings[_i].marks,
	    "%s", markings[_i].rules);
}
END_TEST

/* The mark 0x5/0xf. */
static const struct {
	const char *rules;
	bool marks;
} partial[] = {
	{ "meta mark set 0x00000015\n", true },
	{ "meta mark set 0x00000051\n", false },
	{ "meta mark set meta mark & 0xfffffff0 ^ 0x00000005\n", true },
	{ "-A PREROUTING -j MARK --set-xmark 0x25/0xff\n", true },
};

START_TEST(a_rule_that_gives_the_mark_among_other_bits_is_found)
{
	ck_assert_msg(
	    ruleset_marks(partial[_i].rules, 5, 0xf) == partial[_i].marks, "%s",
	    partial[_i].rules);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("ruleset");
	TCase *tcase = tcase_create("rules");

	tcase_add_loop_test(
	    tcase, a_rule_that_gives_the_mark_is_found, 0, COUNT(markings));
	tcase_add_loop_test(tcase,
	    a_rule_that_gives_the_mark_among_other_bits_is_found, 0,
	    COUNT(partial));
	suite_add_tcase(suite, tcase);
	return suite;
}
