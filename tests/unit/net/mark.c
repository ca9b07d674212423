#include "net/mark.h"

#include "suite.h"

static const struct {
	const char *text, *formatted; /* NULL: it is wrong */
} texts[] = {
	{ "0x50/0x50", "0x50/0x50" },
	{ "0X50/255", "0x50/0xff" },
	{ "80", "0x50/0xffffffff" },
	{ "0xffffffff/0xffffffff", "0xffffffff/0xffffffff" },
	{ "010/017", "0x8/0xf" },
	{ "", NULL },
	{ "0", NULL },
	{ "0x0/0xff", NULL },
	{ "0x50/0x10", NULL },
	{ "0x50/", NULL },
	{ "/0x50", NULL },
	{ "0x", NULL },
	{ "-1", NULL },
	{ "+1", NULL },
	{ "5 ", NULL },
	{ "5/5/5", NULL },
	{ "0x0x5", NULL },
	{ "a", NULL },
	{ "0x100000000", NULL },
	{ "1/99999999999999999999", NULL },
};

START_TEST(a_mark_is_as_ip_rule_has_it)
{
	struct mark mark = { 1, 2 };
	char text[MARK_STRLEN];
	const char *wrong = mark_parse(texts[_i].text, &mark);

	ck_assert_msg(
	    !wrong == !!texts[_i].formatted, "%s: %s", texts[_i].text, wrong);
	if (!wrong)
		ck_assert_str_eq(mark_format(&mark, text), texts[_i].formatted);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("mark");
	TCase *tcase = tcase_create("mark");

	tcase_add_loop_test(
	    tcase, a_mark_is_as_ip_rule_has_it, 0, COUNT(texts));
	suite_add_tcase(suite, tcase);
	return suite;
}
