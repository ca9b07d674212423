#include "intake.h"

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

static const struct {
	const char *rules;
	const char *command; /* for port 9001 of IPv4, redirected, or NULL */
} intakes[] = {
	{ "", NULL },
	{ NFT, "nft insert rule inet filter input tcp dport 9001 accept" },
	{ NFT "\t\ttcp dport 22 accept\n",
	    "nft insert rule inet filter input tcp dport 9001 accept" },
	{ NFT "\t\ttcp dport { 22, 9001 } accept\n", NULL },
	{ NFT "\t\ttcp dport 9000-9100 accept\n", NULL },
	{ NFT "\t\ttcp dport @open accept\n", NULL },
	{ NFT "\t\tct status dnat accept\n", NULL },
	{ NFT "\t\tip saddr 198.51.100.0/24 accept\n", NULL },
	{ NFT "\t\taccept\n", NULL },
	{ "table ip6 filter {\n\tchain INPUT {\n"
	  "\t\ttype filter hook input priority filter; policy drop;\n",
	    NULL },
	{ IPTABLES, "iptables -I INPUT -p tcp --dport 9001 -j ACCEPT" },
	{ IPTABLES "-A INPUT -p tcp -m tcp --dport 9001 -j ACCEPT\n", NULL },
	{ IPTABLES "-A INPUT -p tcp -m tcp --dport 9001 -j ours\n"
		   "-A ours -j ACCEPT\n",
	    NULL },
	{ IPTABLES "-A ours -p tcp -m multiport --dports 80,9001 -j ACCEPT\n",
	    NULL },
	{ IPTABLES "-A INPUT -i users0 -j ACCEPT\n", NULL },
	{ IPTABLES "-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT\n"
		   "-A ufw-skip-to-policy-output -j ACCEPT\n"
		   "-A ufw-user-limit-accept -j ACCEPT\n",
	    "ufw allow 9001/tcp" },
	{ "*filter\n:INPUT ACCEPT [0:0]\n"
	  "-A INPUT -p tcp -m tcp --dport 9001 -j DROP\n",
	    "iptables -I INPUT -p tcp --dport 9001 -j ACCEPT" },
	{ "*filter\n:INPUT ACCEPT [0:0]\n"
	  "-A INPUT -s 203.0.113.9/32 -p tcp -m tcp --dport 9001 -j DROP\n",
	    NULL },
	{ "*filter\n:INPUT ACCEPT [0:0]\n"
	  "-A INPUT -p tcp -m tcp --dport 25 -j DROP\n",
	    NULL },
	{ "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n", NULL },
};

START_TEST(a_port_that_no_rule_accepts_is_found)
{
	char command[COMMAND_MAX_LEN] = "";
	bool closed = intake_is_closed(
	    intakes[_i].rules, AF_INET, 9001, true, command, sizeof(command));

	ck_assert_msg(closed == !!intakes[_i].command, "%s", intakes[_i].rules);
	if (closed)
		ck_assert_str_eq(command, intakes[_i].command);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("intake");
	TCase *tcase = tcase_create("rules");

	tcase_add_loop_test(
	    tcase, a_port_that_no_rule_accepts_is_found, 0, COUNT(intakes));
	suite_add_tcase(suite, tcase);
	return suite;
}
