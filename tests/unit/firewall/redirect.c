#include "firewall/redirect.h"

#include "suite.h"

#define REDIRECT \
	"*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 9001\nCOMMIT\n"
#define RAW(rule) "*raw\n-A PREROUTING " rule "\nCOMMIT\n" REDIRECT
#define NFT_RAW(hook, rule)                                            \
	"table ip others {\n\tchain raw {\n\t\ttype filter hook " hook \
	" priority raw; policy accept;\n\t\t" rule "\n\t}\n}\n" REDIRECT

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
	{ "iifname \"users0\" redirect to :9001\n", REDIRECTION_ALL },
	{ "iifname { \"eth0\", \"users0\" } redirect to :9001\n",
	    REDIRECTION_ALL },
	{ "iifname \"users*\" redirect to :9001\n", REDIRECTION_ALL },
	{ "iif \"eth0\" redirect to :9001\n", REDIRECTION_OTHERS },
	{ "iifname \"users\" redirect to :9001\n", REDIRECTION_OTHERS },
	{ "iifname != \"eth0\" redirect to :9001\n", REDIRECTION_ALL },
	{ "iifname != \"users0\" redirect to :9001\n", REDIRECTION_OTHERS },
	{ "iifname @inner redirect to :9001\n", REDIRECTION_ALL },
	{ "-A PREROUTING -i users+ -p tcp -j REDIRECT --to-ports 9001\n",
	    REDIRECTION_ALL },
	{ "-A PREROUTING -i eth0 -p tcp -j REDIRECT --to-ports 9001\n",
	    REDIRECTION_OTHERS },
	{ "-A PREROUTING ! -i users0 -p tcp -j REDIRECT --to-ports 9001\n",
	    REDIRECTION_OTHERS },
	{ "-A PREROUTING ! -i eth0 -p tcp -j REDIRECT --to-ports 9001\n",
	    REDIRECTION_ALL },
	{ RAW("-s 198.51.0.0/16 -j CT --notrack"), REDIRECTION_UNTRACKED },
	{ RAW("-p tcp -j NOTRACK"), REDIRECTION_UNTRACKED },
	{ RAW("-p udp -j CT --notrack"), REDIRECTION_ALL },
	{ RAW("-p tcp -m tcp --dport 80 -j CT --notrack"), REDIRECTION_ALL },
	{ RAW("-s 203.0.113.0/24 -j CT --notrack"), REDIRECTION_ALL },
	{ RAW("-s 198.51.100.0/24 -j ACCEPT\n"
	      "-A PREROUTING -j CT --notrack"),
	    REDIRECTION_ALL },
	{ "*raw\n-A OUTPUT -j CT --notrack\n" REDIRECT, REDIRECTION_ALL },
	{ NFT_RAW("prerouting", "ip saddr 198.51.100.0/24 notrack"),
	    REDIRECTION_UNTRACKED },
	{ NFT_RAW("prerouting", "counter packets 3 bytes 4 notrack"),
	    REDIRECTION_UNTRACKED },
	{ NFT_RAW("prerouting", "udp dport 53 notrack"), REDIRECTION_ALL },
	{ NFT_RAW("output", "notrack"), REDIRECTION_ALL },
	{ RAW("-p udp --dport 53 -j NOCT\n-A NOCT -j CT --notrack"),
	    REDIRECTION_ALL },
	{ RAW("-p 112 -j CT --notrack"), REDIRECTION_ALL },
	{ "-A OUTPUT -p tcp -j REDIRECT --to-ports 9001\n",
	    REDIRECTION_UNUSED },
	{ "iifname \"users0\" ip saddr 198.51.100.0/25 redirect to :9001\n"
	  "iifname \"eth1\" ip saddr 198.51.100.128/25 redirect to :9001\n",
	    REDIRECTION_ALL },
	{ "table ip6 others {\n\tchain raw {\n\t\ttype filter hook prerouting "
	  "priority raw; policy accept;\n\t\tnotrack\n\t}\n}\n" REDIRECT,
	    REDIRECTION_ALL },
	{ "table ip6 ours {\n\tchain users {\n\t\ttype nat hook prerouting "
	  "priority dstnat; policy accept;\n\t\tredirect to :9001\n\t}\n}\n",
	    REDIRECTION_NONE },
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
	ck_assert_msg(redirect_find(redirections[_i].rules, 9001, &users,
			  "users0") == redirections[_i].expected,
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
