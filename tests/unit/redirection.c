#include "redirection.h"

#include "suite.h"

static const struct {
	const char *rules;
	enum redirection expected; /* of 198.51.100.0/24, port 9001 */
} redirections[] = {
	{ "", REDIRECTION_NONE },
	{ "meta l4proto tcp redirect to :9001\n", REDIRECTION_ALL },
	{ "ip saddr 198.51.100.0/24 redirect to :9001", REDIRECTION_ALL },
	{ "ip saddr { 192.0.2.7, 198.51.0.0/16 } meta l4proto tcp "
	  "redirect to :9001\n",
	    REDIRECTION_ALL },
	{ "ip saddr @users redirect to :9001\n", REDIRECTION_ALL },
	{ "ip saddr 198.51.100.0/25 redirect to :9001\n", REDIRECTION_OTHERS },
	{ "ip saddr 198.51.100.0/25 redirect to :9001\n"
	  "ip saddr { 198.51.100.128/26, 198.51.100.192/26 } redirect to "
	  ":9001\n",
	    REDIRECTION_ALL },
	{ "ip saddr 198.51.100.0/25 redirect to :9001\n"
	  "ip saddr 198.51.100.128/26 redirect to :9001\n",
	    REDIRECTION_OTHERS },
	{ "ip saddr 198.51.100.0/25 redirect to :9001\n"
	  "ip saddr 198.51.100.128/25 return\n"
	  "ip saddr 198.51.100.128/25 redirect to :9001\n",
	    REDIRECTION_UNUSED },
	{ "ip saddr 203.0.113.0/24 redirect to :9001\n"
	  "ip saddr 198.51.100.0/24 redirect to :9002\n",
	    REDIRECTION_OTHERS },
	{ "ip saddr 198.51.100.0/24 redirect to :90011\n", REDIRECTION_NONE },
	{ "ip saddr 198.51.100.0/24 tcp dport 9001 accept\n",
	    REDIRECTION_NONE },
	{ "ip saddr 198.51.100.0/24 dnat ip to 192.0.2.2:9001\n",
	    REDIRECTION_ALL },
	{ "-A PREROUTING -s 198.51.100.0/24 -p tcp -j REDIRECT --to-ports "
	  "9001\n",
	    REDIRECTION_ALL },
	{ "-A PREROUTING -s 198.51.100.7/32 -p tcp -j REDIRECT --to-ports "
	  "9001\n",
	    REDIRECTION_OTHERS },
	{ "-A PREROUTING -p tcp -j DNAT --to-destination 192.0.2.2:9001\n",
	    REDIRECTION_ALL },
	{ "-A PREROUTING -m set --match-set users src -j REDIRECT --to-ports "
	  "9001\n",
	    REDIRECTION_ALL },
	{ "-A PREROUTING -p udp -j REDIRECT --to-ports 9001\n",
	    REDIRECTION_NONE },
	{ "-A PREROUTING ! -s 198.51.100.0/24 -p tcp -j REDIRECT "
	  "--to-ports 9001\n",
	    REDIRECTION_OTHERS },
	{ "-A PREROUTING ! -s 10.0.0.0/8 -p tcp -j REDIRECT --to-ports 9001\n",
	    REDIRECTION_ALL },
	{ "-A PREROUTING -s 198.51.100.0/24 -j RETURN\n"
	  "-A PREROUTING -p tcp -j REDIRECT --to-ports 9001\n",
	    REDIRECTION_UNUSED },
	{ "-A PREROUTING -s 198.51.100.7/32 -j RETURN\n"
	  "-A PREROUTING -d 10.0.0.0/8 -j RETURN\n"
	  "-A PREROUTING -p tcp -j REDIRECT --to-ports 9001\n",
	    REDIRECTION_ALL },
	{ "-A ours -p tcp -j REDIRECT --to-ports 9001\n", REDIRECTION_UNUSED },
	{ "-A PREROUTING -p tcp -j ours\n"
	  "-A ours -p tcp -j REDIRECT --to-ports 9001\n",
	    REDIRECTION_ALL },
	{ "-A PREROUTING -j ACCEPT\n"
	  "-A PREROUTING -p tcp -j ours\n"
	  "-A ours -p tcp -j REDIRECT --to-ports 9001\n",
	    REDIRECTION_UNUSED },
	{ "\tchain users {\n"
	  "\t\tip saddr 198.51.100.0/24 counter packets 1 bytes 60 return\n"
	  "\t\tmeta l4proto tcp redirect to :9001\n"
	  "\t}\n"
	  "\tchain prerouting {\n"
	  "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
	  "\t\tmeta l4proto tcp jump users\n"
	  "\t}\n",
	    REDIRECTION_UNUSED },
	{ "\tchain users {\n"
	  "\t\tfib daddr type local return\n"
	  "\t\tmeta l4proto tcp redirect to :9001\n"
	  "\t}\n"
	  "\tchain prerouting {\n"
	  "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
	  "\t\tmeta l4proto tcp jump users\n"
	  "\t}\n",
	    REDIRECTION_ALL },
	{ "\tchain prerouting {\n"
	  "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
	  "\t\taccept\n"
	  "\t\tmeta l4proto tcp redirect to :9001\n"
	  "\t}\n",
	    REDIRECTION_UNUSED },
};

START_TEST(a_rule_that_redirects_these_users_is_found)
{
	struct prefix users;
	bool masked;

	ck_assert_ptr_null(prefix_parse("198.51.100.0/24", &users, &masked));
	ck_assert_msg(redirection_find(redirections[_i].rules, 9001, &users) ==
		redirections[_i].expected,
	    "%s", redirections[_i].rules);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("redirection");
	TCase *tcase = tcase_create("rules");

	tcase_add_loop_test(tcase, a_rule_that_redirects_these_users_is_found,
	    0, COUNT(redirections));
	suite_add_tcase(suite, tcase);
	return suite;
}
