#include "firewall/remedy.h"

#include <arpa/inet.h>

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
	{ NFT_TABLE("ip saddr 10.0.0.0/8 snat to 192.0.2.1"), NULL },
	{ NFT_TABLE("ip saddr 198.51.0.0/16 snat to 192.0.2.1"),
	    "nft insert rule ip mine out ip saddr 198.51.100.0/24 accept" },
	{ SAVED("iptables", "-o eth0 -j MASQUERADE"),
	    "iptables -t nat -I POSTROUTING -s 198.51.100.0/24 -j ACCEPT" },
	{ SAVED("iptables", "-j ACCEPT")
		SAVED("iptables-legacy", "-j SNAT --to-source 192.0.2.1"),
	    "iptables-legacy -t nat -I POSTROUTING -s 198.51.100.0/24 "
	    "-j ACCEPT" },
	{ SAVED("iptables", "! -s 10.0.0.0/8 -o eth0 -j MASQUERADE"),
	    "iptables -t nat -I POSTROUTING -s 198.51.100.0/24 -j ACCEPT" },
	{ NFT_TABLE("masquerade") SAVED(
	      "iptables", "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"),
	    "nft insert rule ip mine out ip saddr 198.51.100.0/24 accept" },
	{ NFT_TABLE("ip saddr 198.51.100.0/24 masquerade")
		SAVED("iptables", "-o eth0 -j MASQUERADE"),
	    "nft insert rule ip mine out ip saddr 198.51.100.0/24 accept" },
	{ "# by nft list ruleset\ntable ip nat {\n\tchain POSTROUTING {\n\t\t"
	  "counter masquerade\n\t}\n}\n" SAVED("iptables", "-j MASQUERADE")
		SAVED("iptables-nft", "-j MASQUERADE"),
	    "iptables -t nat -I POSTROUTING -s 198.51.100.0/24 -j ACCEPT" },
	/* In the same table, but no chain of iptables. */
	{ "# by nft list ruleset\ntable ip nat {\n\tchain mine {\n\t\t"
	  "ip saddr 198.51.100.0/24 masquerade\n\t}\n}\n" SAVED(
	      "iptables", "-j MASQUERADE"),
	    "nft insert rule ip nat mine ip saddr 198.51.100.0/24 accept" },
};

START_TEST(users_are_left_out_by_the_tool_that_made_the_rule)
{
	struct prefix users;
	bool masked;
	char command[128];

	ck_assert_ptr_null(prefix_parse("198.51.100.0/24", &users, &masked));
	ck_assert(remedy_find(cases[_i].rules, &users, command,
		      sizeof(command)) == (cases[_i].command != NULL));
	if (cases[_i].command)
		ck_assert_str_eq(command, cases[_i].command);
}
END_TEST

#define RAW(tool, rule) \
	"# by " tool "-save\n*raw\n-A PREROUTING " rule "\nCOMMIT\n"
#define OUTPUT(tool, rule) \
	"# by " tool "-save\n*nat\n-A OUTPUT " rule "\nCOMMIT\n"
#define NFT_NAMED(chain, hook, rule)                                  \
	"# by nft list ruleset\ntable inet mine {\n\tchain " chain    \
	" {\n\t\ttype " hook " priority 0; policy accept;\n\t\t" rule \
	"\n\t}\n}\n"
#define NFT_CHAIN(hook, rule) NFT_NAMED("c", hook, rule)

static const struct {
	const char *rules, *command; /* NULL: none */
} untracked[] = {
	{ RAW("iptables", "-j ACCEPT"), NULL },
	{ "# by nft list ruleset\ntable ip6 raw {\n\tchain c {\n\t\tnotrack\n",
	    NULL },
	{ RAW("iptables", "-j CT --notrack"),
	    "iptables -t raw -I PREROUTING -s 198.51.100.0/24 -j ACCEPT" },
	{ RAW("iptables-legacy", "-p tcp -j NOTRACK"),
	    "iptables-legacy -t raw -I PREROUTING -s 198.51.100.0/24 "
	    "-j ACCEPT" },
	{ NFT_CHAIN("filter hook output", "notrack"), NULL },
	{ NFT_CHAIN("filter hook prerouting",
	      "notrack\n\t}\n\tchain d {\n\t\ttype filter hook output "
	      "priority raw;\n\t\tnotrack"),
	    "nft insert rule inet mine c ip saddr 198.51.100.0/24 accept" },
	{ NFT_CHAIN("filter hook prerouting", "meta l4proto tcp notrack"),
	    "nft insert rule inet mine c ip saddr 198.51.100.0/24 accept" },
};

START_TEST(users_are_left_out_of_what_is_not_tracked)
{
	struct prefix users;
	bool masked;
	char command[128];

	ck_assert_ptr_null(prefix_parse("198.51.100.0/24", &users, &masked));
	ck_assert(remedy_find_untracked(untracked[_i].rules, &users, command,
		      sizeof(command)) == (untracked[_i].command != NULL));
	if (untracked[_i].command)
		ck_assert_str_eq(command, untracked[_i].command);
}
END_TEST

static const struct {
	const char *rules, *command; /* NULL: none */
} own[] = {
	{ OUTPUT("iptables", "-j ACCEPT"), NULL },
	{ NFT_CHAIN("nat hook prerouting", "redirect to :9001"), NULL },
	{ OUTPUT("iptables", "-p tcp -j REDIRECT --to-ports 9001"),
	    "iptables -t nat -I OUTPUT -p tcp -d 192.0.2.1 --dport 21829 "
	    "-j ACCEPT" },
	{ NFT_CHAIN("nat hook output", "meta l4proto tcp redirect to :9001"),
	    "nft insert rule inet mine c ip daddr 192.0.2.1 tcp dport 21829 "
	    "accept" },
};

START_TEST(own_connections_are_left_out)
{
	union address server = { .v4 = { .sin_family = AF_INET,
				     .sin_port = htons(21829) } };
	char command[128];

	inet_pton(AF_INET, "192.0.2.1", &server.v4.sin_addr);
	ck_assert(remedy_find_own(own[_i].rules, &server, command,
		      sizeof(command)) == (own[_i].command != NULL));
	if (own[_i].command)
		ck_assert_str_eq(command, own[_i].command);
}
END_TEST

#define FILTER(tool, rules) "# by " tool "-save\n*filter\n" rules "\nCOMMIT\n"

static const struct {
	const char *rules, *sent, *answers; /* NULL: none */
} drops[] = {
	{ FILTER("iptables", ":OUTPUT ACCEPT [0:0]\n-A FORWARD -j DROP"), NULL,
	    NULL },
	{ "# by iptables-save\n*raw\n-A OUTPUT -j DROP\nCOMMIT\n", NULL, NULL },
	{ FILTER("iptables", ":OUTPUT DROP [0:0]"),
	    "iptables -t filter -I OUTPUT -s 198.51.100.0/24 -j ACCEPT", NULL },
	{ FILTER("iptables-legacy", "-A OUTPUT -s 198.51.0.0/16 -j REJECT"),
	    "iptables-legacy -t filter -I OUTPUT -s 198.51.100.0/24 -j ACCEPT",
	    NULL },
	{ FILTER("iptables", "-A INPUT -p tcp -j DROP"), NULL,
	    "iptables -I INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j "
	    "ACCEPT" },
	{ NFT_CHAIN("filter hook output", "ip saddr 198.51.100.0/24 drop"),
	    "nft insert rule inet mine c ip saddr 198.51.100.0/24 accept",
	    NULL },
	{ NFT_CHAIN("filter hook input", "drop"), NULL,
	    "nft insert rule inet mine c ct state established,related "
	    "accept" },
	{ NFT_CHAIN("filter hook input", "reject with tcp reset"), NULL,
	    "nft insert rule inet mine c ct state established,related "
	    "accept" },
	{ NFT_CHAIN("filter hook forward", "drop"), NULL, NULL },
	/* For nft the hook counts, whatever the name of the chain. */
	{ NFT_NAMED("OUTPUT", "filter hook forward", "drop"), NULL, NULL },
	{ NFT_NAMED("INPUT", "filter hook output", "drop"),
	    "nft insert rule inet mine INPUT ip saddr 198.51.100.0/24 accept",
	    NULL },
	{ NFT_NAMED("OUTPUT", "filter hook input", "drop"), NULL,
	    "nft insert rule inet mine OUTPUT ct state established,related "
	    "accept" },
	{ NFT_CHAIN("filter hook output", "accept\n\t\tdrop")
		FILTER("iptables", "-A OUTPUT -d 203.0.113.9/32 -j DROP"),
	    "nft insert rule inet mine c ip saddr 198.51.100.0/24 accept",
	    NULL },
	{ "# by nft list ruleset\ntable arp a {\n\tchain c {\n\t\ttype filter "
	  "hook output priority 0; policy drop;\n\t}\n}\n",
	    NULL, NULL },
};

static void
assert_command(bool found, const char *command, const char *expected)
{
	ck_assert(found == (expected != NULL));
	if (expected)
		ck_assert_str_eq(command, expected);
}

START_TEST(what_is_dropped_is_let_through)
{
	struct prefix users;
	bool masked;
	char command[128];

	ck_assert_ptr_null(prefix_parse("198.51.100.0/24", &users, &masked));
	assert_command(
	    remedy_find_sent(drops[_i].rules, &users, command, sizeof(command)),
	    command, drops[_i].sent);
	assert_command(remedy_find_answers(
			   drops[_i].rules, AF_INET, command, sizeof(command)),
	    command, drops[_i].answers);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("exemption");
	TCase *tcase = tcase_create("rules");

	tcase_add_loop_test(tcase,
	    users_are_left_out_by_the_tool_that_made_the_rule, 0, COUNT(cases));
	tcase_add_loop_test(tcase, users_are_left_out_of_what_is_not_tracked, 0,
	    COUNT(untracked));
	tcase_add_loop_test(
	    tcase, what_is_dropped_is_let_through, 0, COUNT(drops));
	tcase_add_loop_test(tcase, own_connections_are_left_out, 0, COUNT(own));
	suite_add_tcase(suite, tcase);
	return suite;
}
