#include "rules/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "suite.h"

#define NO_IPV6                                                                \
	"if [ \"$(cat /proc/sys/net/ipv6/conf/lo/disable_ipv6 2>/dev/null)\" " \
	"!= 0 ]; then\n"                                                       \
	"\techo 'srcproxy: IPv6 is disabled on this host: the rules for IPv6 " \
	"users are left out' >&2\n"
#define NO_IP6TABLES                                                        \
	"elif ! command -v ip6tables-restore >/dev/null; then\n"            \
	"\techo 'srcproxy: ip6tables is not installed: the rules for IPv6 " \
	"users are left out' >&2\n"
#define FAIL "\texit 1\n"
#define LOOKUP(version, selector, table)                                     \
	"pref=$(ip -" version " rule list | {\n"                             \
	"\twhile IFS=: read -r pref rule; do\n"                              \
	"\t\tcase \"$pref:$rule\" in\n"                                      \
	"\t\t0:* | *' lookup '[12][0-6][0-9][0-9][0-9][0-9]*) ;;\n"          \
	"\t\t*) break ;;\n"                                                  \
	"\t\tesac\n"                                                         \
	"\tdone\n"                                                           \
	"\t[ \"${pref:-91}\" -lt 91 ] || pref=91\n"                          \
	"\techo $((pref - 1))\n"                                             \
	"})\n"                                                               \
	"rule=\"" selector " table " table " pref $pref\"\n"                 \
	"ip -d -" version " rule list $rule | grep -q 'proto kernel' ||\n"   \
	"\tip -" version " rule add $rule protocol kernel\n"                 \
	"kept=$(ip -d -" version " rule list $rule | grep 'proto kernel')\n" \
	"ip -d -" version " rule list table " table                          \
	" | while IFS= read -r rule; do\n"                                   \
	"\t[ \"$rule\" = \"$kept\" ] ||\n"                                   \
	"\t\tip -" version " rule del pref ${rule%%:*} ${rule#*:}\n"         \
	"done\n"
#define MOVE_LAST(protocol)                                      \
	"ip6tables-restore -w -n <<'END'\n"                      \
	"*mangle\n"                                              \
	"-A PREROUTING -p " protocol " -j srcproxy-server-254\n" \
	"-D PREROUTING -p " protocol " -j srcproxy-server-254\n" \
	"COMMIT\n"                                               \
	"END\n"

#define UNHOOK(chain)                                       \
	"while ip6tables -w -t nat -C " chain " -p tcp -j " \
	"srcproxy-client-9001 2>/dev/null; do\n"            \
	"\tip6tables -w -t nat -D " chain " -p tcp -j "     \
	"srcproxy-client-9001\n"                            \
	"done\n"

/* Up to three of each, then NULL or "". */
static const struct good {
	enum config_kind kind;
	const char *listen, *server; /* server: with blanks between several */
	uint32_t mark;
	struct rules_request request;
	const char *sources[4];  /* the sources of one account */
	const char *prefixes[4]; /* the prefixes on the command line */
	const char *printed;     /* without comments and empty lines */
} good[] = {
	/* clang-format off */
	{ CONFIG_SERVER, "192.0.2.1:21829", NULL, 0, { 0 },
	    { "198.51.100.0/24", "2001:db8:aaaa::/64" },
	    { "198.51.100.7", "203.0.113.9" },
	    "(\n"
	    "set -e\n"
	    "nft -f - <<'END'\n"
	    "table inet srcproxy-server-21829\n"
	    "delete table inet srcproxy-server-21829\n"
	    "table inet srcproxy-server-21829 {\n"
	    "\tchain prerouting {\n"
	    "\t\ttype filter hook prerouting priority dstnat + 10;\n"
	    "\t\tip daddr { 198.51.100.0/24, 203.0.113.9/32 } meta l4proto "
	    "{ tcp, icmp } socket transparent 1 meta mark set meta mark "
	    "& 0xffffffaf | 0x50\n"
	    "\t\tip6 daddr { 2001:db8:aaaa::/64 } socket wildcard 1 "
	    "return\n"
	    "\t\tip6 daddr { 2001:db8:aaaa::/64 } meta l4proto "
	    "{ tcp, icmpv6 } socket transparent <= 1 meta mark set meta "
	    "mark & 0xffffffaf | 0x50\n"
	    "\t}\n"
	    "}\n"
	    "END\n"
	    "ip -4 route replace local 198.51.100.0/24 dev lo table 121829\n"
	    "ip -4 route replace local 203.0.113.9/32 dev lo table 121829\n"
	    LOOKUP("4", "fwmark 0x50/0x50", "121829")
	    NO_IPV6
	    "else\n"
	    "ip -6 route replace local 2001:db8:aaaa::/64 dev lo table "
	    "121829\n"
	    LOOKUP("6", "fwmark 0x50/0x50", "121829")
	    "fi\n"
	    ")\n" },
	{ CONFIG_SERVER, ":254", NULL, 0, { .iptables = true }, { 0 },
	    { "2001:db8:aaaa::/64" },
	    "(\n"
	    "set -e\n" NO_IPV6 FAIL NO_IP6TABLES FAIL "else\n"
	    "ip6tables-restore -w -n <<'END'\n"
	    "*mangle\n"
	    ":srcproxy-server-254 - [0:0]\n"
	    "-A srcproxy-server-254 -d 2001:db8:aaaa::/64 -m socket "
	    "-j MARK --set-xmark 0x50/0x50\n"
	    "COMMIT\n"
	    "END\n"
	    "ip6tables -w -t mangle -C PREROUTING -p tcp -j "
	    "srcproxy-server-254 2>/dev/null ||\n"
	    "\tip6tables -w -t mangle -A PREROUTING -p tcp -j "
	    "srcproxy-server-254\n" MOVE_LAST("tcp")
	    "ip6tables -w -t mangle -C PREROUTING -p icmpv6 -j "
	    "srcproxy-server-254 2>/dev/null ||\n"
	    "\tip6tables -w -t mangle -A PREROUTING -p icmpv6 -j "
	    "srcproxy-server-254\n" MOVE_LAST("icmpv6")
	    "ip -6 route replace local 2001:db8:aaaa::/64 dev lo table "
	    "100254\n"
	    LOOKUP("6", "fwmark 0x50/0x50", "100254")
	    "fi\n"
	    ")\n" },
	{ CONFIG_SERVER, ":21829", NULL, 0, { .simple = true },
	    { "0.0.0.0/0", "2001:db8:aaaa::/64" }, { "198.51.100.0/24" },
	    "(\n"
	    "set -e\n"
	    "ip -4 route replace local 198.51.100.0/24 dev lo table local "
	    "metric 121829\n" NO_IPV6 "else\n"
	    "ip -6 route replace local 2001:db8:aaaa::/64 dev lo table "
	    "121829\n"
	    LOOKUP("6", "ipproto 6", "121829")
	    "fi\n"
	    ")\n" },
	/* clang-format on */
	{ CONFIG_CLIENT, ":9001", "192.0.2.1:21829", 0x1234, { .output = true },
	    { 0 }, { "198.51.100.0/24", "2001:db8:aaaa::/64" },
	    "(\n"
	    "set -e\n"
	    "nft -f - <<'END'\n"
	    "table inet srcproxy-client-9001\n"
	    "delete table inet srcproxy-client-9001\n"
	    "table inet srcproxy-client-9001 {\n"
	    "\tchain users {\n"
	    "\t\tfib daddr type local return\n"
	    "\t\tip daddr 192.0.2.1 tcp dport 21829 return\n"
	    "\t\tmeta mark 0x1234 return\n"
	    "\t\tip daddr { 198.51.100.0/24 } return\n"
	    "\t\tip saddr { 198.51.100.0/24 } meta l4proto tcp redirect to "
	    ":9001\n"
	    "\t\tip6 daddr { 2001:db8:aaaa::/64 } return\n"
	    "\t\tip6 saddr { 2001:db8:aaaa::/64 } meta l4proto tcp redirect "
	    "to :9001\n"
	    "\t}\n"
	    "\tchain prerouting-ip-24 {\n"
	    "\t\ttype nat hook prerouting priority -124;\n"
	    "\t\tip saddr { 198.51.100.0/24 } meta l4proto tcp jump users\n"
	    "\t}\n"
	    "\tchain prerouting-ip6-64 {\n"
	    "\t\ttype nat hook prerouting priority -135;\n"
	    "\t\tip6 saddr { 2001:db8:aaaa::/64 } meta l4proto tcp jump users\n"
	    "\t}\n"
	    "\tchain output-ip-24 {\n"
	    "\t\ttype nat hook output priority -124;\n"
	    "\t\tip saddr { 198.51.100.0/24 } meta l4proto tcp "
	    "fib saddr type local jump users\n"
	    "\t}\n"
	    "\tchain output-ip6-64 {\n"
	    "\t\ttype nat hook output priority -135;\n"
	    "\t\tip6 saddr { 2001:db8:aaaa::/64 } meta l4proto tcp "
	    "fib saddr type local jump users\n"
	    "\t}\n"
	    "}\n"
	    "END\n"
	    ")\n" },
	/* A name that need not be known does not hide the other servers. */
	{ CONFIG_CLIENT, ":9001",
	    "192.0.2.1:21829 exit.invalid:1 192.0.2.3:21830", 0,
	    { .iptables = false }, { 0 }, { "198.51.100.0/24" },
	    "(\n"
	    "set -e\n"
	    "nft -f - <<'END'\n"
	    "table inet srcproxy-client-9001\n"
	    "delete table inet srcproxy-client-9001\n"
	    "table inet srcproxy-client-9001 {\n"
	    "\tchain users {\n"
	    "\t\tfib daddr type local return\n"
	    "\t\tip daddr 192.0.2.1 tcp dport 21829 return\n"
	    "\t\tip daddr 192.0.2.3 tcp dport 21830 return\n"
	    "\t\tip daddr { 198.51.100.0/24 } return\n"
	    "\t\tip saddr { 198.51.100.0/24 } meta l4proto tcp redirect to "
	    ":9001\n"
	    "\t}\n"
	    "\tchain prerouting-ip-24 {\n"
	    "\t\ttype nat hook prerouting priority -124;\n"
	    "\t\tip saddr { 198.51.100.0/24 } meta l4proto tcp jump users\n"
	    "\t}\n"
	    "}\n"
	    "END\n"
	    ")\n" },
	/* clang-format off */
	/* The mark counts on output only. */
	{ CONFIG_CLIENT, "[2001:db8:bbbb::2]:9001", "[2001:db8:bbbb::1]:21829",
	    0x1234, { .iptables = true }, { 0 }, { "2001:db8:aaaa::/64" },
	    "(\n"
	    "set -e\n" NO_IPV6 FAIL NO_IP6TABLES FAIL "else\n"
	    "ip6tables-restore -w -n <<'END'\n"
	    "*nat\n"
	    ":srcproxy-client-9001 - [0:0]\n"
	    "-A srcproxy-client-9001 -m addrtype --dst-type LOCAL -j RETURN\n"
	    "-A srcproxy-client-9001 -d 2001:db8:bbbb::1 -p tcp --dport 21829 "
	    "-j RETURN\n"
	    "-A srcproxy-client-9001 -d 2001:db8:aaaa::/64 -j RETURN\n"
	    "-A srcproxy-client-9001 -s 2001:db8:aaaa::/64 -p tcp -j DNAT "
	    "--to-destination [2001:db8:bbbb::2]:9001\n"
	    "COMMIT\n"
	    "END\n"
	    "hook() {\n"
	    "\tbits=${1#*/}\n"
	    "\tset -- -s \"$1\" -p tcp -j srcproxy-client-9001\n"
	    "\tip6tables -w -t nat -C PREROUTING \"$@\" 2>/dev/null ||\n"
	    "\t\tip6tables -w -t nat $(ip6tables -w -t nat -S PREROUTING 2>/dev/null | "
	    "awk -v bits=\"$bits\" '\n"
	    "\t\t\t/^-A/ { n++ }\n"
	    "\t\t\t/ -j srcproxy-client-/ {\n"
	    "\t\t\t\tsplit($4, user, \"/\")\n"
	    "\t\t\t\tif (user[2] < bits) { at = n; exit } }\n"
	    "\t\t\tEND { print at ? \"-I PREROUTING \" at : "
	    "\"-A PREROUTING\" }') \"$@\"\n"
	    "}\n"
	    "hook 2001:db8:aaaa::/64\n"
	    UNHOOK("PREROUTING")
	    UNHOOK("OUTPUT -m addrtype --src-type LOCAL")
	    "if ip6tables-save 2>/dev/null | grep -qx '\\*mangle'; then\n"
	    "if nft list chain ip6 mangle srcproxy-client-9001 >/dev/null 2>&1; then\n"
	    "\tnft -a list table ip6 mangle 2>/dev/null | awk '\n"
	    "\t\t$1 == \"chain\" { chain = $2 }\n"
	    "\t\t/ (jump|goto) srcproxy-client-9001( |$)/ {\n"
	    "\t\t\tprint \"delete rule ip6 mangle\", chain, \"handle\", $NF }\n"
	    "\t\tEND { print \"delete chain ip6 mangle srcproxy-client-9001\" }' | nft -f -\n"
	    "fi\n"
	    "ip6tables -w -t mangle -S 2>/dev/null | sed -n 's/^-A \\(.* -j srcproxy-client-9001\\)$/\\1/p' |\n"
	    "\twhile read -r jump; do ip6tables -w -t mangle -D $jump; done\n"
	    "if ip6tables -w -t mangle -S srcproxy-client-9001 >/dev/null 2>&1; then\n"
	    "\tip6tables -w -t mangle -F srcproxy-client-9001\n"
	    "\tip6tables -w -t mangle -X srcproxy-client-9001\n"
	    "fi\n"
	    "fi\n"
	    "fi\n"
	    ")\n" },
	/* clang-format on */
	/* No packet from outside reaches a loopback address. */
	{ CONFIG_CLIENT, "127.0.0.1:9001", "192.0.2.1:1", 0, { .output = true },
	    { 0 }, { "198.51.100.1" },
	    "(\n"
	    "set -e\n"
	    "nft -f - <<'END'\n"
	    "table inet srcproxy-client-9001\n"
	    "delete table inet srcproxy-client-9001\n"
	    "table inet srcproxy-client-9001 {\n"
	    "\tchain users {\n"
	    "\t\tfib daddr type local return\n"
	    "\t\tip daddr 192.0.2.1 tcp dport 1 return\n"
	    "\t\tip daddr { 198.51.100.1/32 } return\n"
	    "\t\tip saddr { 198.51.100.1/32 } meta l4proto tcp dnat ip to "
	    "127.0.0.1:9001\n"
	    "\t}\n"
	    "\tchain output-ip-32 {\n"
	    "\t\ttype nat hook output priority -132;\n"
	    "\t\tip saddr { 198.51.100.1/32 } meta l4proto tcp "
	    "fib saddr type local jump users\n"
	    "\t}\n"
	    "}\n"
	    "END\n"
	    ")\n" },
	/* Removing the rules needs no prefixes. */
	{ CONFIG_CLIENT, ":9001", "192.0.2.1:1", 0, { .remove = true }, { 0 },
	    { 0 },
	    "(\n"
	    "set -e\n"
	    "nft -f - <<'END'\n"
	    "table inet srcproxy-client-9001\n"
	    "delete table inet srcproxy-client-9001\n"
	    "END\n"
	    "ip -4 route flush table 200000 metric 9001 2>/dev/null || :\n"
	    "if ! ip -4 route list table 200000 2>/dev/null | grep -q ^throw; "
	    "then\n"
	    "while [ \"$(ip -4 rule list table 200000 2>/dev/null)\" ]; do\n"
	    "\tip -4 rule del table 200000\n"
	    "done\n"
	    "ip -4 route flush table 200000 2>/dev/null || :\n"
	    "fi\n"
	    "ip -6 route flush table 200000 metric 9001 2>/dev/null || :\n"
	    "if ! ip -6 route list table 200000 2>/dev/null | grep -q ^throw; "
	    "then\n"
	    "while [ \"$(ip -6 rule list table 200000 2>/dev/null)\" ]; do\n"
	    "\tip -6 rule del table 200000\n"
	    "done\n"
	    "ip -6 route flush table 200000 2>/dev/null || :\n"
	    "fi\n"
	    ")\n" },
};

static const struct bad {
	enum config_kind kind;
	const char *listen, *server;
	struct rules_request request;
	const char *sources[4], *prefixes[4];
	int error;
	const char *said; /* a part of the message */
} bad[] = {
	{ CONFIG_CLIENT, ":9001", "192.0.2.1:1", { 0 }, { 0 }, { 0 }, -EINVAL,
	    "set inbound.users, or srcproxy rules client CONFIG PREFIX..." },
	{ CONFIG_SERVER, ":1", NULL, { 0 }, { 0 }, { 0 }, -EINVAL,
	    "rules server CONFIG PREFIX..." },
	{ CONFIG_SERVER, ":1", NULL, { 0 }, { "198.51.100.1", "::/0" }, { 0 },
	    -EINVAL, "rules server CONFIG PREFIX..." },
	{ CONFIG_SERVER, ":1", NULL, { 0 }, { "198.51.100.1" },
	    { "198.51.100.0/33" }, -EINVAL,
	    "\"198.51.100.0/33\": prefix length is 0 to 32" },
	{ CONFIG_SERVER, ":1", NULL, { .remove = true }, { "198.51.100.1" },
	    { "lan" }, -EINVAL,
	    "\"lan\": this is not an IPv4 or IPv6 address" },
	{ CONFIG_CLIENT, ":9001", "192.0.2.1:1", { 0 }, { 0 }, { "0.0.0.0/0" },
	    -EINVAL, "\"0.0.0.0/0\": this is every address" },
	{ CONFIG_CLIENT, "0.0.0.0:9001", "192.0.2.1:1", { 0 }, { 0 },
	    { "2001:db8::/64" }, -EINVAL,
	    "2001:db8::/64: inbound.listen has no address of this family" },
	{ CONFIG_CLIENT, "[::1]:9001", "192.0.2.1:1", { 0 }, { 0 },
	    { "2001:db8::/64" }, -ENOTSUP, "write \":9001\"" },
};

static void
parse_source(const char *text, struct prefix *prefix)
{
	bool masked;

	ck_assert_ptr_null(prefix_parse(text, prefix, &masked));
}

static void
make_config(struct config *config, enum config_kind kind, const char *listen,
    const char *server, const char *const *sources)
{
	static struct prefix prefixes[4];
	static struct acl_user user = { .sources.items = prefixes };
	static struct endpoint servers[4];

	*config =
	    (struct config){ .kind = kind, .return_mark = { 0x50, 0x50 } };
	ck_assert_ptr_null(endpoint_parse(listen, &config->listen));
	config->servers = (struct endpoint_list){ servers, 0 };
	while (server && *server) {
		char text[ENDPOINT_STRLEN];

		snprintf(text, sizeof(text), "%.*s", (int)strcspn(server, " "),
		    server);
		ck_assert_ptr_null(
		    endpoint_parse(text, &servers[config->servers.count++]));
		server += strlen(text);
		server += *server == ' ';
	}
	for (size_t i = 0; sources[i]; i++)
		parse_source(sources[i], &prefixes[user.sources.count++]);
	config->acl.users = &user;
	config->acl.user_count = user.sources.count > 0;
}

/* Returns what rules_print returns. */
static int
print(const struct config *config, const struct rules_request *request,
    const char *const *prefixes, char *text, size_t size)
{
	struct rules_request whole = *request;
	char *words[4];
	FILE *out = fmemopen(text, size, "w");
	int error;

	memcpy(words, prefixes, sizeof(words));
	whole.prefixes = words;
	error = rules_print(config, &whole, out);
	fclose(out);
	return error;
}

static void
remove_comments(char *text)
{
	char *to = text;

	while (*text) {
		size_t len = strcspn(text, "\n") + 1;

		if (*text != '#' && *text != '\n') {
			memmove(to, text, len);
			to += len;
		}
		text += len;
	}
	*to = '\0';
}

START_TEST(prints_what_the_configuration_needs)
{
	const struct good *row = &good[_i];
	int said = capture_pipe(4096);
	struct config config;
	char text[8192] = "";

	make_config(&config, row->kind, row->listen, row->server, row->sources);
	config.local_bind.marked = row->mark;
	config.local_bind.mark = row->mark;
	ck_assert_int_eq(
	    print(&config, &row->request, row->prefixes, text, sizeof(text)),
	    0);
	ck_assert_str_eq(capture_read(said), "");
	remove_comments(text);
	ck_assert_str_eq(text, row->printed);
}
END_TEST

START_TEST(says_what_is_wrong_and_prints_nothing)
{
	const struct bad *row = &bad[_i];
	int said = capture_pipe(4096);
	struct config config;
	char text[8192] = "";
	const char *line;

	make_config(&config, row->kind, row->listen, row->server, row->sources);
	ck_assert_int_eq(
	    print(&config, &row->request, row->prefixes, text, sizeof(text)),
	    row->error);
	ck_assert_str_eq(text, "");
	line = capture_read(said);
	ck_assert_msg(!strncmp(line, "srcproxy: ", 10), "%s", line);
	ck_assert_msg(strstr(line, row->said), "%s", line);
}
END_TEST

static const struct {
	bool iptables;
	const char *printed; /* somewhere in it */
} configured[] = {
	{ false,
	    "\t\tip daddr 10.0.0.1 tcp dport 1 return\n"
	    "\t\tip daddr 203.0.113.0/24 return\n"
	    "\t\tip6 daddr 2001:db8::/32 tcp dport 20-30 return\n"
	    "\t\ttcp dport 179 return\n"
	    "\t\tip saddr { 198.51.100.7/32, 198.51.100.128/25 } return\n"
	    "\t\tip daddr { 198.51.100.0/24, 192.0.2.0/24 } return\n"
	    "\t\tip saddr { 198.51.100.0/24, 192.0.2.0/24 } "
	    "meta l4proto tcp redirect to :9001\n"
	    "\t\tip6 daddr { 2001:db8:aaaa::/64 } return\n" },
	{ true,
	    "-j RETURN\n"
	    "-A srcproxy-client-9001 -d 203.0.113.0/24 -j RETURN\n"
	    "-A srcproxy-client-9001 -p tcp --dport 179:179 -j RETURN\n"
	    "-A srcproxy-client-9001 -s 198.51.100.7/32 -j RETURN\n"
	    "-A srcproxy-client-9001 -s 198.51.100.128/25 -j RETURN\n"
	    "-A srcproxy-client-9001 -d 198.51.100.0/24 -j RETURN\n"
	    "-A srcproxy-client-9001 -d 192.0.2.0/24 -j RETURN\n"
	    "-A srcproxy-client-9001 -s 198.51.100.0/24 -p tcp -j REDIRECT "
	    "--to-ports 9001\n"
	    "-A srcproxy-client-9001 -s 192.0.2.0/24 -p tcp -j REDIRECT "
	    "--to-ports 9001\n"
	    "COMMIT\n" },
	{ true,
	    "-j RETURN\n"
	    "-A srcproxy-client-9001 -d 2001:db8::/32 -p tcp --dport 20:30 -j "
	    "RETURN\n"
	    "-A srcproxy-client-9001 -p tcp --dport 179:179 -j RETURN\n"
	    "-A srcproxy-client-9001 -d 2001:db8:aaaa::/64 -j RETURN\n" },
};

/* Those of the command line come on top. */
START_TEST(users_and_bypass_come_from_the_configuration)
{
	static struct prefix users[2], exceptions[2];
	static const char *const destinations[] = { "203.0.113.0/24",
		"[2001:db8::/32]:20-30", ":179" };
	static const char *const sources[4] = { 0 };
	static const char *const prefixes[4] = { "192.0.2.0/24" };
	struct rules_request request = { .iptables = configured[_i].iptables };
	struct target targets[COUNT(destinations)];
	int said = capture_pipe(4096);
	struct config config;
	char text[8192] = "";
	bool masked;

	make_config(&config, CONFIG_CLIENT, ":9001", "10.0.0.1:1", sources);
	parse_source("198.51.100.0/24", &users[0]);
	parse_source("2001:db8:aaaa::/64", &users[1]);
	parse_source("198.51.100.7", &exceptions[0]);
	parse_source("198.51.100.128/25", &exceptions[1]);
	for (size_t i = 0; i < COUNT(targets); i++)
		ck_assert_pstr_eq(
		    target_parse(destinations[i], &targets[i], &masked), NULL);
	config.users = (struct prefix_list){ .items = users, .count = 2 };
	config.exceptions =
	    (struct prefix_list){ .items = exceptions, .count = 2 };
	config.bypass =
	    (struct target_list){ .items = targets, .count = COUNT(targets) };
	ck_assert_int_eq(
	    print(&config, &request, prefixes, text, sizeof(text)), 0);
	ck_assert_msg(strstr(text, configured[_i].printed), "%s", text);
	ck_assert_str_eq(capture_read(said),
	    "srcproxy: warning: 192.0.2.0/24 is not within inbound.users, so "
	    "the client half refuses its connections; add it there\n");
}
END_TEST

#define ESTABLISHED_NFT                                                       \
	" tcp flags & (syn | ack) != syn socket transparent 1 meta mark set " \
	"meta mark & 0x80ffffff | 0x52000000 accept\n"
#define GIVEN_NFT " meta mark set meta mark & 0x80ffffff | 0x52000000 accept\n"

static const struct {
	const char *listen;
	struct rules_request request;
	const char *printed[4]; /* in this order */
} transparent[] = {
	{ ":9001", { 0 },
	    { "ip -4 route replace throw 198.51.100.0/24 table 200000 metric "
	      "9001\n"
	      "ip -4 route replace local default dev lo table 200000\n"
	      "# The rule comes in front of those of others.\n",
		"rule=\"fwmark 0x52000000/0x7f000000 table 200000 pref "
		"$pref\"\n",
		"table inet srcproxy-client-9001 {\n"
		"\tchain users {\n"
		"\t\tmeta mark & 0x7f000000 == 0x52000000 return\n"
		"\t\tip saddr { 198.51.100.0/24 }" ESTABLISHED_NFT
		"\t\ttcp flags & (syn | ack) != syn return\n"
		"\t\tfib daddr type local return\n"
		"\t\tip daddr 192.0.2.1 tcp dport 1 return\n"
		"\t\tip daddr { 198.51.100.0/24 } return\n"
		"\t\tip saddr { 198.51.100.0/24 } meta l4proto tcp tproxy ip "
		"to :9001" GIVEN_NFT
		"\t\tip saddr { 198.51.100.0/24 } meta l4proto tcp reject "
		"with tcp reset\n"
		"\t}\n"
		"\tchain prerouting-ip-24 {\n"
		"\t\ttype filter hook prerouting priority -132;\n"
		"\t\tip saddr { 198.51.100.0/24 } meta l4proto tcp jump "
		"users\n"
		"\t}\n"
		"\tchain errors {\n"
		"\t\ttype filter hook prerouting priority -108;\n"
		"\t\tmeta l4proto { icmp, icmpv6 } socket transparent 1 "
		"meta mark set meta mark & 0x80ffffff | 0x52000000\n"
		"\t}\n"
		"}\n" } },
	{ "127.0.0.1:9001", { .iptables = true },
	    { "rule=\"fwmark 0x52000000/0x7f000000 table 200000 ", "*mangle\n",
		"-A srcproxy-client-9001 -s 198.51.100.0/24 -p tcp ! --syn -m "
		"socket --transparent -j MARK --set-xmark "
		"0x52000000/0x7f000000\n"
		"-A srcproxy-client-9001 -p tcp ! --syn -j RETURN\n"
		"-A srcproxy-client-9001 -m addrtype --dst-type LOCAL -j "
		"RETURN\n",
		"-A srcproxy-client-9001 -s 198.51.100.0/24 -p tcp -j TPROXY "
		"--on-port 9001 --on-ip 127.0.0.1 --tproxy-mark "
		"0x52000000/0x7f000000\n"
		"COMMIT\n"
		"END\n"
		"# Longer prefixes come first, also those of other "
		"instances.\n"
		"hook() {\n"
		"\tbits=${1#*/}\n"
		"\tset -- -s \"$1\" -p tcp -j srcproxy-client-9001\n"
		"\tiptables -w -t mangle -C PREROUTING \"$@\" " } },
	{ ":9001", { .remove = true },
	    { "delete table inet srcproxy-client-9001\n",
		"ip -4 route flush table 200000 metric 9001",
		"\tip -4 rule del table 200000\n",
		"ip -6 route flush table 200000 metric 9001" } },
};

START_TEST(gives_connections_to_a_transparent_listener)
{
	static const char *const sources[4] = { 0 };
	static const char *const prefixes[4] = { "198.51.100.0/24" };
	int said = capture_pipe(4096);
	struct config config;
	char text[8192] = "", *rest = text;

	make_config(&config, CONFIG_CLIENT, transparent[_i].listen,
	    "192.0.2.1:1", sources);
	config.mode = INBOUND_TPROXY;
	ck_assert_int_eq(print(&config, &transparent[_i].request, prefixes,
			     text, sizeof(text)),
	    0);
	ck_assert_str_eq(capture_read(said), "");
	for (size_t i = 0; i < 4 && transparent[_i].printed[i]; i++) {
		rest = strstr(rest, transparent[_i].printed[i]);
		ck_assert_msg(
		    rest, "no %s in %s", transparent[_i].printed[i], text);
	}
}
END_TEST

START_TEST(takes_no_own_connections_by_tproxy)
{
	static const char *const sources[4] = { 0 };
	static const char *const prefixes[4] = { "198.51.100.0/24" };
	struct rules_request request = { .output = true };
	int said = capture_pipe(4096);
	struct config config;
	char text[8192] = "";

	make_config(&config, CONFIG_CLIENT, ":9001", "192.0.2.1:1", sources);
	config.mode = INBOUND_TPROXY;
	ck_assert_int_eq(
	    print(&config, &request, prefixes, text, sizeof(text)), -ENOTSUP);
	ck_assert_str_eq(text, "");
	ck_assert_ptr_nonnull(strstr(capture_read(said), "--output: "));
}
END_TEST

START_TEST(says_that_bits_behind_a_prefix_are_set)
{
	static const char *const prefixes[4] = { "198.51.100.7/24" };
	static const char *const sources[4] = { 0 };
	struct rules_request request = { 0 };
	int said = capture_pipe(4096);
	struct config config;
	char text[8192] = "";

	make_config(&config, CONFIG_SERVER, ":1", NULL, sources);
	ck_assert_int_eq(
	    print(&config, &request, prefixes, text, sizeof(text)), 0);
	ck_assert_str_eq(capture_read(said),
	    "srcproxy: warning: \"198.51.100.7/24\" has bits set behind the "
	    "prefix; used as 198.51.100.0/24\n");
	ck_assert_ptr_nonnull(strstr(text, "ip daddr { 198.51.100.0/24 }"));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("rules");
	TCase *tcase = tcase_create("rules");

	tcase_add_loop_test(tcase, users_and_bypass_come_from_the_configuration,
	    0, COUNT(configured));
	tcase_add_loop_test(
	    tcase, prints_what_the_configuration_needs, 0, COUNT(good));
	tcase_add_loop_test(
	    tcase, says_what_is_wrong_and_prints_nothing, 0, COUNT(bad));
	tcase_add_loop_test(tcase, gives_connections_to_a_transparent_listener,
	    0, COUNT(transparent));
	tcase_add_test(tcase, takes_no_own_connections_by_tproxy);
	tcase_add_test(tcase, says_that_bits_behind_a_prefix_are_set);
	suite_add_tcase(suite, tcase);
	return suite;
}
