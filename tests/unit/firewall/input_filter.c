#include "firewall/input_filter.h"

#include <sys/socket.h>

#include "suite.h"

#define COMMAND_MAX_LEN 256
#define STATE "\t\tct state established,related accept\n"
#define NFT                                                                \
	"table inet filter {\n"                                            \
	"\tchain input {\n"                                                \
	"\t\ttype filter hook input priority filter; policy drop;\n" STATE \
	"\t\tiifname \"lo\" accept\n"
#define IPTABLES                                                          \
	"# by iptables-save\n*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT " \
	"[0:0]\n"                                                         \
	"-A INPUT -i lo -j ACCEPT\n"                                      \
	"-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n" \
	"-A OUTPUT -j ACCEPT\n"
#define ZONES                                                               \
	"table inet firewalld {\n\tchain filter_IN_trusted {\n\t\taccept\n" \
	"\t}\n\tchain filter_INPUT {\n"                                     \
	"\t\ttype filter hook input priority filter + 10; policy "          \
	"accept;\n" STATE "\t\tjump filter_INPUT_ZONES\n"                   \
	"\t\treject with icmpx admin-prohibited\n"                          \
	"\t}\n\tchain filter_INPUT_ZONES {\n"
#define NFT_INPUT(table)                                                  \
	"# by nft list ruleset\ntable " table " {\n\tchain INPUT {\n\t\t" \
	"type filter hook input priority filter; policy drop;\n"
#define OPEN_NFT "nft insert rule inet filter input tcp dport 9001 accept"
#define OPEN_IPTABLES "iptables -I INPUT -p tcp --dport 9001 -j ACCEPT"

static const struct {
	const char *rules;
	const char *command; /* for port 9001 of IPv4, redirected, or NULL */
} intakes[] = {
	{ "", NULL },
	{ NFT, OPEN_NFT },
	{ NFT "\t\ttcp dport 22 accept\n", OPEN_NFT },
	{ NFT "\t\ttcp dport { 22, 9001 } accept\n", NULL },
	{ NFT "\t\ttcp dport 9000-9100 accept\n", NULL },
	{ NFT "\t\ttcp dport @open accept\n", NULL },
	{ NFT "\t\ttcp dport 22 ip saddr @known accept\n", OPEN_NFT },
	{ NFT "\t\ttcp dport 30000-32767 accept\n", OPEN_NFT },
	{ NFT "\t\ttcp dport != 25 accept\n", NULL },
	{ NFT "\t\tudp dport 60000-61000 accept\n", OPEN_NFT },
	{ NFT "\t\tudp dport 9001 accept\n", OPEN_NFT },
	{ NFT "\t\tmeta l4proto { tcp, udp } th dport 9001 accept\n", NULL },
	{ NFT "\t\tmeta l4proto { tcp, udp } accept\n", NULL },
	{ NFT "\t\tmeta l4proto ospf accept\n"
	      "\t\tip protocol vrrp accept\n"
	      "\t\tip daddr 224.0.0.0/4 accept\n",
	    OPEN_NFT },
	{ NFT "\t\tct state vmap { established : accept, related : accept "
	      "}\n",
	    OPEN_NFT },
	{ NFT "\t\ttcp dport vmap { 80 : accept, 443 : accept }\n", OPEN_NFT },
	{ NFT "\t\ttcp dport vmap { 80 : drop, 9001 : accept }\n", NULL },
	{ NFT "\t\tiifname { \"lo\", \"users0\" } accept\n", NULL },
	{ NFT "\t\tiifname vmap { \"lo\" : accept, \"wan0\" : jump in }\n",
	    OPEN_NFT },
	{ NFT "\t\tiifname vmap { \"lo\" : accept, \"users0\" : accept }\n",
	    NULL },
	{ NFT "\t\ttcp dport 22 accept comment \"not tcp 9001\"\n", OPEN_NFT },
	{ NFT "\t\tip saddr 10.0.0.0/8 accept\n", OPEN_NFT },
	{ NFT "\t\tip saddr { 10.0.0.0/8, 198.51.100.128/25 } accept\n", NULL },
	{ NFT "\t\tip saddr != 10.0.0.0/8 accept\n", NULL },
	{ "table inet filter {\n\tchain input {\n"
	  "\t\ttype filter hook input priority filter; policy accept;\n" STATE
	  "\t\tlog prefix \"Inbound accept: \" level info counter packets 0 "
	  "bytes 0 drop\n",
	    OPEN_NFT },
	{ ZONES "\t\tiifname \"users0\" goto filter_IN_trusted\n", NULL },
	{ ZONES "\t\ttcp dport 22 goto filter_IN_trusted\n"
		"\t}\n\tchain filter_FWD_public {\n"
		"\t\toifname \"eth0\" accept\n"
		"\t\tip daddr 198.51.100.0/24 accept\n",
	    "firewall-cmd --permanent --add-port=9001/tcp && "
	    "firewall-cmd --reload" },
	{ NFT "\t\tct status dnat accept\n", NULL },
	{ NFT "\t\tip saddr 198.51.100.0/24 accept\n", NULL },
	{ NFT "\t\taccept\n", NULL },
	{ NFT "\t\tip6 saddr 2001:db8::/32 accept\n"
	      "\t\tmeta nfproto ipv6 tcp dport 9001 accept\n",
	    OPEN_NFT },
	{ "table ip6 filter {\n\tchain INPUT {\n"
	  "\t\ttype filter hook input priority filter; policy drop;\n",
	    NULL },
	{ IPTABLES, OPEN_IPTABLES },
	{ IPTABLES "-A INPUT -p tcp -m tcp --dport 9001 -j ACCEPT\n", NULL },
	{ IPTABLES "-A INPUT -p tcp -m tcp --dport 9001 -j ours\n"
		   "-A ours -j ACCEPT\n",
	    NULL },
	{ IPTABLES "-A ours -p tcp -m multiport --dports 80,9001 -j ACCEPT\n",
	    NULL },
	{ IPTABLES "-A INPUT -i users0 -j ACCEPT\n", NULL },
	{ IPTABLES "-A INPUT -s 10.0.0.0/8 -j ACCEPT\n", OPEN_IPTABLES },
	{ IPTABLES "-A INPUT -s 198.51.0.0/16 -j ACCEPT\n", NULL },
	{ IPTABLES "-A INPUT -p tcp -m multiport --dports 80,9000:9010 -j "
		   "ACCEPT\n",
	    NULL },
	{ IPTABLES "-A INPUT -p tcp -m multiport --dports 80,9010:9090 -j "
		   "ACCEPT\n",
	    OPEN_IPTABLES },
	{ "*filter\n:INPUT ACCEPT [0:0]\n"
	  "-A INPUT -m comment --comment \"what is left: accept \" -j DROP\n",
	    OPEN_IPTABLES },
	{ IPTABLES "-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT\n"
		   "-A ufw-skip-to-policy-output -j ACCEPT\n"
		   "-A ufw-user-limit-accept -j ACCEPT\n",
	    "ufw allow 9001/tcp" },
	{ "*filter\n:INPUT ACCEPT [0:0]\n"
	  "-A INPUT -p tcp -m tcp --dport 9001 -j DROP\n",
	    OPEN_IPTABLES },
	{ "*filter\n:INPUT ACCEPT [0:0]\n"
	  "-A INPUT -s 203.0.113.9/32 -p tcp -m tcp --dport 9001 -j DROP\n",
	    NULL },
	{ "*filter\n:INPUT ACCEPT [0:0]\n"
	  "-A INPUT -p tcp -m tcp --dport 25 -j DROP\n",
	    NULL },
	{ "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n", NULL },
	{ "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ufw-reject-input\n",
	    NULL },
	{ NFT "\t}\n\tchain ufw-user-limit-accept {\n\t\taccept\n", OPEN_NFT },
	/* By this name it may be of either tool: its table tells. */
	{ NFT_INPUT("ip filter"), OPEN_IPTABLES },
	{ NFT_INPUT("ip other"),
	    "nft insert rule ip other INPUT tcp dport 9001 accept" },
	{ NFT_INPUT("inet filter"),
	    "nft insert rule inet filter INPUT tcp dport 9001 accept" },
};

START_TEST(a_port_that_no_rule_accepts_is_found)
{
	char command[COMMAND_MAX_LEN] = "";
	struct prefix users;
	struct prefix_list list = { .items = &users, .count = 1 };
	bool masked, closed;

	ck_assert_ptr_null(prefix_parse("198.51.100.0/24", &users, &masked));
	closed = input_filter_is_closed(
	    intakes[_i].rules, AF_INET, 9001, &list, command, sizeof(command));

	ck_assert_msg(closed == !!intakes[_i].command, "%s", intakes[_i].rules);
	if (closed)
		ck_assert_str_eq(command, intakes[_i].command);
}
END_TEST

START_TEST(a_chain_of_ip6tables_is_told_from_one_of_nft)
{
	char command[COMMAND_MAX_LEN];

	ck_assert(input_filter_is_closed(NFT_INPUT("ip6 filter"), AF_INET6,
	    9001, NULL, command, sizeof(command)));
	ck_assert_str_eq(
	    command, "ip6tables -I INPUT -p tcp --dport 9001 -j ACCEPT");
	ck_assert(input_filter_is_closed(NFT_INPUT("ip6 other"), AF_INET6, 9001,
	    NULL, command, sizeof(command)));
	ck_assert_str_eq(
	    command, "nft insert rule ip6 other INPUT tcp dport 9001 accept");
}
END_TEST

START_TEST(rules_for_what_is_redirected_are_not_for_others)
{
	char command[COMMAND_MAX_LEN];

	ck_assert(input_filter_is_closed(NFT "\t\tct status dnat accept\n",
	    AF_INET, 9001, NULL, command, sizeof(command)));
	/* Any of them may be a gate. */
	ck_assert(
	    !input_filter_is_closed(NFT "\t\tip saddr 10.0.0.0/8 accept\n",
		AF_INET, 9001, NULL, command, sizeof(command)));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("intake");
	TCase *tcase = tcase_create("rules");

	tcase_add_loop_test(
	    tcase, a_port_that_no_rule_accepts_is_found, 0, COUNT(intakes));
	tcase_add_test(tcase, a_chain_of_ip6tables_is_told_from_one_of_nft);
	tcase_add_test(tcase, rules_for_what_is_redirected_are_not_for_others);
	suite_add_tcase(suite, tcase);
	return suite;
}
