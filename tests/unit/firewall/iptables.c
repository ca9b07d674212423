#include "firewall/iptables.h"

#include "firewall/rules.h"
#include "suite.h"

#define INPUT_OF(rules) \
	"*filter\n:INPUT ACCEPT [0:0]\n:one - [0:0]\n" rules "COMMIT\n"
#define DROPPED(rule) INPUT_OF("-A INPUT " rule " -j DROP\n")

static const struct {
	const char *saved;
	enum fate fate;
} cases[] = {
	{ "*filter\n:INPUT DROP [0:0]\nCOMMIT\n", FATE_DROPPED },
	{ DROPPED("-p tcp -m tcp --dport 9001"), FATE_DROPPED },
	{ DROPPED("-p tcp -m tcp --dport 9000:9001"), FATE_DROPPED },
	{ DROPPED("-p tcp -m tcp ! --dport 9001"), FATE_ACCEPTED },
	{ DROPPED("-p udp -m udp --dport 9001"), FATE_ACCEPTED },
	{ DROPPED("-p tcp -m multiport --dports 22,9000:9002"), FATE_DROPPED },
	{ DROPPED("-p tcp -m multiport ! --dports 22,80"), FATE_DROPPED },
	{ DROPPED("-s 192.0.2.0/24"), FATE_DROPPED },
	{ DROPPED("! -s 192.0.2.0/24"), FATE_ACCEPTED },
	{ DROPPED("-m iprange --src-range 192.0.2.0-192.0.2.9"), FATE_DROPPED },
	{ DROPPED("-i eth+"), FATE_DROPPED },
	{ DROPPED("! -i eth0"), FATE_ACCEPTED },
	{ DROPPED("-i SYN"), FATE_ACCEPTED },
	{ DROPPED("-p gre"), FATE_ACCEPTED },
	{ DROPPED("-p 6"), FATE_DROPPED },
	{ DROPPED("-s 192.0.0.1/255.255.0.255"), FATE_UNKNOWN },
	{ DROPPED("-m conntrack --ctstate NEW,INVALID"), FATE_DROPPED },
	{ DROPPED("-m conntrack --ctstate ESTABLISHED"), FATE_ACCEPTED },
	{ DROPPED("-m conntrack --ctstate DNAT"), FATE_ACCEPTED },
	{ DROPPED("-m conntrack --ctstate NEW,DNAT"), FATE_DROPPED },
	{ DROPPED("-m conntrack ! --ctstate NEW,DNAT"), FATE_ACCEPTED },
	{ DROPPED("-m conntrack ! --ctstate DNAT"), FATE_DROPPED },
	{ DROPPED("-m state --state NEW"), FATE_DROPPED },
	{ DROPPED("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN"),
	    FATE_DROPPED },
	{ DROPPED("-m mark --mark 0x5/0xff"), FATE_ACCEPTED },
	{ DROPPED("-m mark ! --mark 0x5"), FATE_DROPPED },
	{ DROPPED("-m comment --comment \"a \\\"b\\\" -j ACCEPT\" -p tcp"),
	    FATE_DROPPED },
	{ DROPPED("-m socket --transparent"), FATE_ACCEPTED },
	{ DROPPED("-m rt --rt-type 0"), FATE_ACCEPTED },
	{ DROPPED("-m string --algo bm --string x"), FATE_UNKNOWN },
	{ DROPPED("-m limit --limit 5/min"), FATE_UNKNOWN },
	{ INPUT_OF("-A INPUT -j one\n-A one -p tcp -j RETURN\n"
		   "-A one -j DROP\n"),
	    FATE_ACCEPTED },
	{ INPUT_OF("-A INPUT -g one\n-A INPUT -j DROP\n"), FATE_ACCEPTED },
	{ INPUT_OF("-A INPUT -j NFQUEUE --queue-num 0\n"), FATE_UNKNOWN },
	{ INPUT_OF("-A INPUT -j LOG --log-prefix \"DROP it\"\n"),
	    FATE_ACCEPTED },
};

START_TEST(each_rule_means_what_it_says)
{
	struct ruleset *ruleset = make_iptables("ip", cases[_i].saved);
	struct walk walk = walk_once(ruleset, HOOK_INPUT);

	ck_assert_msg(
	    walk.fate == cases[_i].fate, "%s: %d", cases[_i].saved, walk.fate);
	if (walk.fate == FATE_UNKNOWN)
		ck_assert_uint_eq(walk.cause.rule->number, 1);
	ruleset_destroy(ruleset);
}
END_TEST

#define MANGLED(rules) "*mangle\n:PREROUTING ACCEPT [0:0]\n" rules "COMMIT\n"
#define MARKED "-A PREROUTING -j MARK --set-xmark "

static const struct {
	const char *saved;
	uint64_t mark;
} marks[] = {
	{ MANGLED(MARKED "0x5/0xffffffff\n"), 5 },
	{ MANGLED(MARKED "0xf0/0xffffffff\n" MARKED "0x5/0xff\n"), 5 },
	{ MANGLED(MARKED "0xf0/0xffffffff\n" MARKED "0x5/0x5\n"), 0xf5 },
	{ MANGLED(MARKED "0x5/0xff\n"
			 "-A PREROUTING -j CONNMARK --save-mark --nfmask "
			 "0xffffffff --ctmask 0xffffffff\n" MARKED "0x0/0xff\n"
			 "-A PREROUTING -j CONNMARK --restore-mark --nfmask "
			 "0xff --ctmask 0xff\n"),
	    5 },
	{ MANGLED(MARKED "0x5/0xff\n"
			 "-A PREROUTING -j CONNMARK --restore-mark --nfmask "
			 "0x3f00 --ctmask 0x3f00\n"),
	    5 },
	{ MANGLED("-A PREROUTING -p tcp -j TPROXY --on-port 9001 --on-ip "
		  "0.0.0.0 --tproxy-mark 0x1/0x1\n"),
	    1 },
};

START_TEST(marks_are_set_kept_and_put_back)
{
	struct ruleset *ruleset = make_iptables("ip", marks[_i].saved);
	struct walk walk = walk_once(ruleset, HOOK_PREROUTING);

	ck_assert_msg(packet_has(&walk.packet, FIELD_MARK, marks[_i].mark),
	    "%s", marks[_i].saved);
	ruleset_destroy(ruleset);
}
END_TEST

static const struct {
	const char *target;
	uint16_t port;
} rewritings[] = {
	{ "REDIRECT --to-ports 80", 80 },
	{ "REDIRECT", 9001 },
	{ "DNAT --to-destination 192.0.2.5:81", 81 },
	{ "DNAT --to-destination 192.0.2.5", 9001 },
};

START_TEST(rewriting_is_followed)
{
	struct ruleset *ruleset;
	struct walk walk;
	char text[256];

	snprintf(text, sizeof(text),
	    "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j %s\n"
	    "COMMIT\n",
	    rewritings[_i].target);
	ruleset = make_iptables("ip", text);
	walk = walk_once(ruleset, HOOK_PREROUTING);
	ck_assert_msg(
	    packet_has(&walk.packet, FIELD_DPORT, rewritings[_i].port), "%s",
	    text);
	ck_assert_uint_eq(walk.changes[FIELD_CT_STATUS].rule->number, 1);
	ruleset_destroy(ruleset);
}
END_TEST

/* Text that is cut off, or has unexpected words, is still a listing. */
START_TEST(any_text_is_translated)
{
	static const char saved[] =
	    "*nat\n:PREROUTING ACCEPT [0:0]\n"
	    "-A PREROUTING -p tcp -m tcp --dport 80 -m comment --comment "
	    "\"it's \\\\ odd\" -j DNAT --to-destination [2001:db8::1]:80\n";
	char text[sizeof(saved)], *translation;
	struct ruleset *ruleset;

	for (size_t len = 0; len < sizeof(saved); len++) {
		memcpy(text, saved, len);
		text[len] = '\0';
		translation = iptables_translate("ip6", text);
		ruleset = calloc(1, sizeof(*ruleset));
		ck_assert_msg(ruleset_add(ruleset, TOOL_IPTABLES_NFT,
				  translation, strlen(translation)),
		    "%s", translation);
		ruleset_destroy(ruleset);
		free(translation);
	}
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("iptables");
	TCase *tcase = tcase_create("translation");

	tcase_add_loop_test(
	    tcase, each_rule_means_what_it_says, 0, COUNT(cases));
	tcase_add_loop_test(
	    tcase, marks_are_set_kept_and_put_back, 0, COUNT(marks));
	tcase_add_loop_test(tcase, rewriting_is_followed, 0, COUNT(rewritings));
	tcase_add_test(tcase, any_text_is_translated);
	suite_add_tcase(suite, tcase);
	return suite;
}
