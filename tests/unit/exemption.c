#include "exemption.h"

#include "suite.h"

#define NFT_TABLE(rule)                                                  \
	"# by nft list ruleset\n"                                        \
	"table ip mine {\n\tchain out {\n\t\ttype nat hook postrouting " \
	"priority srcnat; policy accept;\n\t\t" rule                     \
	"\n\t}\n}\n# that was all\n"
#define SAVED(tool, rule)                                              \
	"# by " tool                                                   \
	"-save\n*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING " rule \
	"\nCOMMIT\n"

static const struct {
	const char *rules, *command; /* NULL: none */
} cases[] = {
	{ "", NULL },
	{ NFT_TABLE("oifname \"eth0\" accept"), NULL },
	{ NFT_TABLE("oifname \"eth0\" masquerade"),
	    "nft insert rule ip mine out ip saddr 198.51.100.0/24 accept" },
	{ NFT_TABLE("ip saddr 10.0.0.0/8 snat to 192.0.2.1"),
	    "nft insert rule ip mine out ip saddr 198.51.100.0/24 accept" },
	{ SAVED("iptables", "-o eth0 -j MASQUERADE"),
	    "iptables -t nat -I POSTROUTING -s 198.51.100.0/24 -j ACCEPT" },
	{ SAVED("iptables", "-j ACCEPT")
		SAVED("iptables-legacy", "-j SNAT --to-source 192.0.2.1"),
	    "iptables-legacy -t nat -I POSTROUTING -s 198.51.100.0/24 "
	    "-j ACCEPT" },
	{ NFT_TABLE("counter masquerade") SAVED("iptables", "-j MASQUERADE")
		SAVED("iptables-nft", "-j MASQUERADE"),
	    "iptables -t nat -I POSTROUTING -s 198.51.100.0/24 -j ACCEPT" },
};

START_TEST(users_are_left_out_by_the_tool_that_made_the_rule)
{
	struct prefix users;
	bool masked;
	char command[128];

	ck_assert_ptr_null(prefix_parse("198.51.100.0/24", &users, &masked));
	ck_assert(exemption_find(cases[_i].rules, &users, command,
		      sizeof(command)) == (cases[_i].command != NULL));
	if (cases[_i].command)
		ck_assert_str_eq(command, cases[_i].command);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("exemption");
	TCase *tcase = tcase_create("rules");

	tcase_add_loop_test(tcase,
	    users_are_left_out_by_the_tool_that_made_the_rule, 0, COUNT(cases));
	suite_add_tcase(suite, tcase);
	return suite;
}
