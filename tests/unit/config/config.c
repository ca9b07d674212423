#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problems.h"
#include "samples.h"
#include "suite.h"

#define SAMPLE_AUTH "613200f2-0af9-40e3-9dc2-a5d6f365db1b"

static struct config *
load(enum config_kind kind, const char *text)
{
	struct config *config = config_load(
	    problems_file(text, strlen(text)), kind, problems_report);

	problems_forget_file();
	return config;
}

/* What it leaves open is for exposure.c. */
static struct config *
load_good(enum config_kind kind, const char *text)
{
	struct config *config = load(kind, text);

	problems_reported();
	ck_assert_ptr_nonnull(config);
	ck_assert_int_eq(config->kind, kind);
	return config;
}

static void
check_digest(const struct digest *digest, const char *auth)
{
	struct digest expected;

	digest_compute(auth, strlen(auth), &expected);
	ck_assert(digest_equal(digest, &expected));
}

static void
check_endpoint(const struct endpoint *endpoint, const char *expected)
{
	char text[ADDRESS_STRLEN];

	ck_assert_str_eq(address_format(&endpoint->address, text), expected);
}

static void
check_prefix(const struct prefix *prefix, const char *expected)
{
	char base[ADDRESS_STRLEN], text[ADDRESS_STRLEN + 8];

	address_format_host(&prefix->base, base);
	sprintf(text, "%s/%u", base, prefix->bit_count);
	ck_assert_str_eq(text, expected);
}

START_TEST(the_server_sample_is_read_as_it_stands)
{
	struct config *config = load_good(CONFIG_SERVER, server_sample);
	const struct acl_user *users = config->acl.users;

	check_endpoint(&config->listen, "192.0.2.1:21829");
	ck_assert_int_eq(config->timeout_ms, 300000);
	ck_assert_int_eq(config->log_level, LOG_LEVEL_INFO);
	ck_assert_uint_eq(config->acl.user_count, 2);
	ck_assert_str_eq(users[0].name, "acl[0]");
	ck_assert(!users[0].is_named);
	check_digest(&users[0].digest, SAMPLE_AUTH);
	ck_assert_uint_eq(users[0].sources.count, 2);
	check_prefix(&users[0].sources.items[0], "192.0.2.128/25");
	check_prefix(&users[0].sources.items[1], "2001:db8:aaaa::/64");
	ck_assert_str_eq(users[1].name, "acl[1]");
	check_digest(&users[1].digest, "");
	ck_assert_uint_eq(users[1].sources.count, 0);
	config_unref(config);
}
END_TEST

START_TEST(the_client_sample_is_read_as_it_stands)
{
	struct config *config = load_good(CONFIG_CLIENT, client_sample);
	char address[ADDRESS_STRLEN];

	ck_assert_str_eq(config->listen.host, "");
	ck_assert_uint_eq(config->listen.port, 9001);
	check_endpoint(&config->servers.items[0], "192.0.2.1:21829");
	check_digest(&config->auth, SAMPLE_AUTH);
	ck_assert_str_eq(
	    address_format_host(&config->local_bind.address, address),
	    "192.0.2.2");
	ck_assert_str_eq(config->local_bind.interface, "eth0");
	ck_assert(config->local_bind.marked);
	ck_assert_uint_eq(config->local_bind.mark, 0x1234);
	ck_assert_int_eq(config->timeout_ms, 300000);
	ck_assert_int_eq(config->log_level, LOG_LEVEL_INFO);
	config_unref(config);
}
END_TEST

START_TEST(a_server_has_defaults_for_all_but_listen)
{
	struct config *config = load_good(CONFIG_SERVER, "{ listen: ':1' }");

	check_endpoint(&config->listen, "-");
	ck_assert_uint_eq(config->listen.port, 1);
	ck_assert_int_eq(config->timeout_ms, 5 * 60 * 1000);
	ck_assert_int_eq(config->handshake_ms, 10 * 1000);
	ck_assert_int_eq(config->drain_ms, 10 * 1000);
	ck_assert_int_eq(config->log_level, LOG_LEVEL_INFO);
	ck_assert_int_eq(config->source_port, SOURCE_PORT_PREFER);
	ck_assert_uint_eq(config->max_connections, 0);
	ck_assert_uint_eq(config->acl.user_count, 0);
	ck_assert(config->leg.fast_open);
	ck_assert_str_eq(config->leg.congestion, "");
	config_unref(config);
}
END_TEST

/* The least and the most there can be, for both halves. */
START_TEST(a_limit_of_connections_is_read)
{
	struct config *config =
	    load_good(CONFIG_SERVER, "{ listen: ':1', max_connections: 1 }");

	ck_assert_uint_eq(config->max_connections, 1);
	config_unref(config);
	config = load_good(CONFIG_CLIENT,
	    "{ inbound: { listen: ':1' }, outbound: { server: 'x:2' }, "
	    "max_connections: 0x7fffffff }");
	ck_assert_uint_eq(config->max_connections, 2147483647);
	config_unref(config);
}
END_TEST

static const struct {
	const char *text;
	enum protocol_choice choice;
} protocols[] = {
	{ "", PROTOCOL_AUTO },
	{ "protocol: 'auto'", PROTOCOL_AUTO },
	{ "protocol: null", PROTOCOL_AUTO },
	{ "protocol: 1", PROTOCOL_ONLY_1 },
	{ "protocol: 0x2", PROTOCOL_ONLY_2 },
};

START_TEST(the_versions_of_the_protocol_are_read_for_both_halves)
{
	char text[128];
	struct config *config;

	snprintf(
	    text, sizeof(text), "{ listen: ':1', %s }", protocols[_i].text);
	config = load_good(CONFIG_SERVER, text);
	ck_assert_int_eq(config->protocol, protocols[_i].choice);
	config_unref(config);
	snprintf(text, sizeof(text),
	    "{ inbound: { listen: ':1' }, outbound: { server: 'x:2' }, %s }",
	    protocols[_i].text);
	config = load_good(CONFIG_CLIENT, text);
	ck_assert_int_eq(config->protocol, protocols[_i].choice);
	config_unref(config);
}
END_TEST

static bool
has_same_mac(const struct hmac_key *a, const struct hmac_key *b)
{
	struct digest of_a, of_b;

	hmac_compute(a, "message", 7, &of_a);
	hmac_compute(b, "message", 7, &of_b);
	return digest_equal(&of_a, &of_b);
}

START_TEST(the_key_of_a_client_is_made_of_its_secret)
{
	static const char *const files[] = {
		"{ inbound: { listen: ':1' }, outbound: { server: 'x:2' } }",
		"{ inbound: { listen: ':1' }, outbound: { server: 'x:2', "
		"auth: 'secret' } }",
	};
	static const char *const auths[] = { "", "secret" };
	struct config *config = load_good(CONFIG_CLIENT, files[_i]);
	struct protocol_key made;

	protocol_key_derive(auths[_i], strlen(auths[_i]), &made);
	ck_assert(has_same_mac(&config->protocol_key.key, &made.key));
	ck_assert_mem_eq(
	    config->protocol_key.hint, made.hint, PROTOCOL_HINT_LEN);
	config_unref(config);
}
END_TEST

/* Where each half has them. */
START_TEST(how_the_leg_between_the_halves_is_to_be_is_read)
{
	struct config *config = load_good(CONFIG_SERVER,
	    "{ listen: ':1', fast_open: false, congestion: 'bbr' }");

	ck_assert(!config->leg.fast_open);
	ck_assert_str_eq(config->leg.congestion, "bbr");
	config_unref(config);
	config = load_good(CONFIG_CLIENT,
	    "{ inbound: { listen: ':1' }, outbound: { server: 'x:2', "
	    "fast_open: false, congestion: 'fifteen_letters' } }");
	ck_assert(!config->leg.fast_open);
	ck_assert_str_eq(config->leg.congestion, "fifteen_letters");
	config_unref(config);
}
END_TEST

START_TEST(servers_are_one_or_a_list_in_their_order)
{
	struct config *config = load_good(CONFIG_CLIENT,
	    "{ inbound: { listen: ':1' }, outbound: { server: "
	    "['192.0.2.1:2', 'x:2', '[2001:db8::1]:2'] } }");

	ck_assert_uint_eq(config->servers.count, 3);
	check_endpoint(&config->servers.items[0], "192.0.2.1:2");
	ck_assert_str_eq(config->servers.items[1].host, "x");
	check_endpoint(&config->servers.items[2], "[2001:db8::1]:2");
	config_unref(config);
	config = load_good(CONFIG_CLIENT,
	    "{ inbound: { listen: ':1' }, outbound: { server: 'x:2' } }");
	ck_assert_uint_eq(config->servers.count, 1);
	config_unref(config);
}
END_TEST

static void
check_status(enum config_kind kind, const char *text, const char *path)
{
	struct config *config = load_good(kind, text);

	ck_assert_str_eq(config->status_path, path);
	config_unref(config);
}

START_TEST(the_status_socket_is_called_after_the_half_and_its_port)
{
	check_status(CONFIG_SERVER, "{ listen: ':21829' }",
	    "/run/srcproxy/server-21829.sock");
	check_status(CONFIG_CLIENT,
	    "{ inbound: { listen: ':9001' }, outbound: { server: 'x:2' }, "
	    "status: null }",
	    "/run/srcproxy/client-9001.sock");
	check_status(CONFIG_SERVER, "{ listen: ':1', status: '/a/b' }", "/a/b");
	check_status(CONFIG_SERVER, "{ listen: ':1', status: false }", "");
}
END_TEST

START_TEST(a_client_has_defaults_for_all_but_its_two_ends)
{
	struct config *config = load_good(CONFIG_CLIENT,
	    "{ inbound: { listen: '[::1]:1' }, outbound: { server: 'x:2' } }");

	check_endpoint(&config->listen, "[::1]:1");
	ck_assert_str_eq(config->servers.items[0].host, "x");
	ck_assert_uint_eq(config->servers.items[0].port, 2);
	check_digest(&config->auth, "");
	ck_assert_int_eq(config->local_bind.address.any.sa_family, AF_UNSPEC);
	ck_assert_str_eq(config->local_bind.interface, "");
	ck_assert(!config->local_bind.marked);
	ck_assert(config->leg.fast_open);
	ck_assert_str_eq(config->leg.congestion, "");
	ck_assert_int_eq(config->timeout_ms, 5 * 60 * 1000);
	ck_assert_int_eq(config->drain_ms, 10 * 1000);
	ck_assert_int_eq(config->log_level, LOG_LEVEL_INFO);
	config_unref(config);
}
END_TEST

START_TEST(an_acl_entry_has_defaults_for_everything)
{
	struct config *config = load_good(
	    CONFIG_SERVER, "{ listen: ':1', acl: [{ auth: 'x' }, {}] }");

	ck_assert_uint_eq(config->acl.user_count, 2);
	ck_assert_str_eq(config->acl.users[1].name, "acl[1]");
	check_digest(&config->acl.users[1].digest, "");
	ck_assert_uint_eq(config->acl.users[1].sources.count, 0);
	ck_assert(!config->acl.users[1].allowed.is_given);
	config_unref(config);
}
END_TEST

START_TEST(what_is_given_for_a_server_counts)
{
	struct config *config = load_good(CONFIG_SERVER,
	    "{ listen: 'example.net:65535', timeout: 0, "
	    "handshake_timeout: '300ms', drain_timeout: '0', "
	    "return_mark: '0x10/0xf0', "
	    "log_level: 'error', acl: [{ name: 'A-z_0.9@x+', auth: 'a\\0b', "
	    "allowed_src_ips: ['::ffff:192.0.2.0/120', '2001:db8::1'], "
	    "allowed_dst_ips: ['::ffff:127.0.0.1', '2001:db8:d::/48'] }] }");
	const struct acl_user *user = config->acl.users;
	struct digest digest;

	ck_assert_str_eq(config->listen.host, "example.net");
	ck_assert_int_eq(config->timeout_ms, 0);
	ck_assert_int_eq(config->handshake_ms, 300);
	ck_assert_uint_eq(config->return_mark.value, 0x10);
	ck_assert_uint_eq(config->return_mark.mask, 0xf0);
	ck_assert_int_eq(config->drain_ms, 0);
	ck_assert_int_eq(config->log_level, LOG_LEVEL_ERROR);
	ck_assert_str_eq(user->name, "A-z_0.9@x+");
	digest_compute("a\0b", 3, &digest);
	ck_assert(digest_equal(&user->digest, &digest));
	check_prefix(&user->sources.items[0], "192.0.2.0/24");
	check_prefix(&user->sources.items[1], "2001:db8::1/128");
	ck_assert(user->allowed.is_given);
	ck_assert_uint_eq(user->allowed.count, 2);
	check_prefix(&user->allowed.items[0].prefix, "127.0.0.1/32");
	check_prefix(&user->allowed.items[1].prefix, "2001:db8:d::/48");
	config_unref(config);
}
END_TEST

START_TEST(a_user_may_have_several_secrets)
{
	struct config *config = load_good(CONFIG_SERVER,
	    "{ listen: ':1', acl: [{ auth: ['old', 'new'] }, "
	    "{ auth: 'other' }] }");
	const struct acl_user *users = config->acl.users;
	static const char *const auths[] = { "old", "new", "other" };
	struct protocol_key made;
	const struct acl_key *key;

	check_digest(&users[0].digest, "old");
	for (size_t i = 0; i < COUNT(auths); i++) {
		struct digest digest;

		digest_compute(auths[i], strlen(auths[i]), &digest);
		ck_assert_ptr_eq(
		    acl_find(&config->acl, digest.bytes, sizeof(digest.bytes)),
		    &users[i / 2]);
		protocol_key_derive(auths[i], strlen(auths[i]), &made);
		key = acl_find_keys(&config->acl, made.hint);
		ck_assert_ptr_eq(key->user, &users[i / 2]);
		ck_assert(has_same_mac(&key->key, &made.key));
	}
	config_unref(config);
}
END_TEST

START_TEST(destinations_may_have_ports_and_be_denied)
{
	struct config *config = load_good(CONFIG_SERVER,
	    "{ listen: ':1', denied_dst_ips: [':25'], "
	    "acl: [{ allowed_dst_ips: ['192.0.2.0/24:80-90'], "
	    "denied_dst_ips: ['[2001:db8::/32]:22'] }] }");
	const struct acl *acl = &config->acl;

	ck_assert_uint_eq(acl->denied.count, 1);
	ck_assert_uint_eq(acl->denied.items[0].first_port, 25);
	check_prefix(&acl->users[0].allowed.items[0].prefix, "192.0.2.0/24");
	ck_assert_uint_eq(acl->users[0].allowed.items[0].last_port, 90);
	check_prefix(&acl->users[0].denied.items[0].prefix, "2001:db8::/32");
	ck_assert_uint_eq(acl->users[0].denied.items[0].first_port, 22);
	config_unref(config);
}
END_TEST

static bool
has_user(const struct config *config, const char *text)
{
	union address address;

	ck_assert(address_parse(text, &address));
	return config_has_user(config, &address);
}

START_TEST(a_client_has_users_with_exceptions_and_destinations_to_bypass)
{
	struct config *config = load_good(CONFIG_CLIENT,
	    "{ inbound: { listen: ':1', users: ['!192.0.2.8/29', "
	    "'192.0.2.0/24', '2001:db8::/64', '!2001:db8::1'], "
	    "bypass: ['10.0.0.0/8', ':179'] }, outbound: { server: 'x:2' } }");

	ck_assert_uint_eq(config->users.count, 2);
	ck_assert(has_user(config, "192.0.2.7"));
	ck_assert(!has_user(config, "192.0.2.8"));
	ck_assert(!has_user(config, "192.0.3.1"));
	ck_assert(has_user(config, "2001:db8::2"));
	ck_assert(!has_user(config, "2001:db8::1"));
	ck_assert_uint_eq(config->bypass.count, 2);
	check_prefix(&config->bypass.items[0].prefix, "10.0.0.0/8");
	ck_assert_uint_eq(config->bypass.items[1].last_port, 179);
	config_unref(config);
}
END_TEST

START_TEST(an_empty_list_of_destinations_is_no_absent_one)
{
	struct config *config = load(CONFIG_SERVER,
	    "{ listen: ':1', acl: [{ allowed_src_ips: ['192.0.2.1'],\n"
	    "allowed_dst_ips: [], auth: '" SAMPLE_AUTH "' }] }");

	ck_assert_ptr_nonnull(config);
	ck_assert_str_eq(problems_reported(),
	    "not fatal: 2:18: acl[0].allowed_dst_ips: warning: this user may "
	    "connect nowhere; without this key, everywhere but to special "
	    "destinations");
	ck_assert(config->acl.users[0].allowed.is_given);
	ck_assert_uint_eq(config->acl.users[0].allowed.count, 0);
	config_unref(config);
}
END_TEST

/* As haruue-net/srcproxy takes them, or a program that writes JSON. */
START_TEST(what_is_null_or_blank_is_absent)
{
	struct config *server = load_good(CONFIG_SERVER,
	    "{ listen: ':1', timeout: null, log_level: '', source_port: null, "
	    "handshake_timeout: null, return_mark: null, "
	    "max_connections: null, drain_timeout: "
	    "null, acl: [{ auth: null, name: null, max_connections: null }] }");
	struct config *client = load_good(CONFIG_CLIENT,
	    "{ inbound: { listen: ':1', mode: '' }, log_level: null, outbound: "
	    "{ server: 'x:2', auth: null, local_addr: '', fwmark: null } }");

	ck_assert_int_eq(server->timeout_ms, 5 * 60 * 1000);
	ck_assert_int_eq(server->handshake_ms, 10 * 1000);
	ck_assert_uint_eq(server->return_mark.value, 0x50);
	ck_assert_uint_eq(server->return_mark.mask, 0x50);
	ck_assert_int_eq(server->log_level, LOG_LEVEL_INFO);
	ck_assert_int_eq(server->source_port, SOURCE_PORT_PREFER);
	ck_assert_str_eq(server->acl.users[0].name, "acl[0]");
	check_digest(&server->acl.users[0].digest, "");
	check_digest(&client->auth, "");
	ck_assert_int_eq(client->local_bind.address.any.sa_family, AF_UNSPEC);
	ck_assert_str_eq(client->local_bind.interface, "");
	ck_assert(!client->local_bind.marked);
	config_unref(server);
	config_unref(client);
}
END_TEST

static const char *const absent_acls[] = {
	"{ listen: ':1' }",
	"{ listen: ':1', acl: [] }",
	"{ listen: ':1', acl: [/* nobody */] }",
};

START_TEST(an_absent_or_empty_acl_is_off)
{
	struct config *config = load_good(CONFIG_SERVER, absent_acls[_i]);

	ck_assert_uint_eq(config->acl.user_count, 0);
	config_unref(config);
}
END_TEST

static const struct {
	const char *text;
	enum source_port policy;
} source_ports[] = {
	{ "{ listen: ':1', source_port: 'prefer' }", SOURCE_PORT_PREFER },
	{ "{ listen: ':1', source_port: 'strict' }", SOURCE_PORT_STRICT },
	{ "{ listen: ':1', source_port: 'any' }", SOURCE_PORT_ANY },
};

START_TEST(there_are_three_policies_for_source_ports)
{
	struct config *config = load_good(CONFIG_SERVER, source_ports[_i].text);

	ck_assert_int_eq(config->source_port, source_ports[_i].policy);
	config_unref(config);
}
END_TEST

static const struct {
	const char *value;
	uint32_t mark;
} marks[] = {
	{ "0", 0 },
	{ "4660", 0x1234 },
	{ "0xFFFFFFFF", UINT32_MAX },
	{ "+1", 1 },
};

START_TEST(a_mark_has_32_bits)
{
	struct config *config;
	char text[128];

	sprintf(text,
	    "{ inbound: { listen: ':1' }, "
	    "outbound: { server: 'x:2', fwmark: %s } }",
	    marks[_i].value);
	config = load_good(CONFIG_CLIENT, text);
	ck_assert(config->local_bind.marked);
	ck_assert_uint_eq(config->local_bind.mark, marks[_i].mark);
	config_unref(config);
}
END_TEST

struct mistake {
	const char *text, *reported;
};

#define SERVER(members) "{ listen: ':1',\n" members "\n}"
#define USER(members) SERVER("acl: [{\n" members "\n}]")
#define NO_TIME "this is not a time such as \"5m\", \"1h30m\", \"300ms\""
#define NO_CONGESTION                                                   \
	"this is the name of a congestion control, such as \"bbr\" or " \
	"\"cubic\""
#define NO_NAME "a name must be 1 to 64 of letters, digits and ._@+-"
#define SAME_NAME \
	"acl[0] has the same name; the log could not tell the two apart"
#define SAME_AUTH \
	"acl[0] has the same auth; each user needs a secret of its own"

#define NO_PROTOCOL "this must be \"auto\", or 1 or 2 without quotes"

static const struct mistake server_mistakes[] = {
	{ "", "1:1: expected a value but found the end of the text" },
	{ "[]", "1:1: this must be an object, not an array" },
	{ "null", "1:1: this must be an object, not null" },
	{ "{}", "1:1: listen: this key is required" },
	{ "{ listen: 21829 }",
	    "1:11: listen: this must be a string, not an integer" },
	{ "{ listen: '192.0.2.1' }",
	    "1:11: listen: \"192.0.2.1\": "
	    "the port is missing; write host:port" },
	{ "{ listen: '::1:80' }",
	    "1:11: listen: \"::1:80\": an IPv6 address must stand in brackets; "
	    "write [address]:port" },
	{ "{ listen: ':0' }",
	    "1:11: listen: \":0\": the port must be a "
	    "number from 1 to 65535" },
	{ "{ listen: ':1', listen: ':2' }",
	    "1:17: listen: duplicate key; the first is at line 1, column 3" },
	{ "{ Listen: ':1' }",
	    "1:3: Listen: this key is unknown; did you mean \"listen\"? | "
	    "1:1: listen: this key is required" },
	{ SERVER("handshake_timout: 1"),
	    "2:1: handshake_timout: this key is unknown; "
	    "did you mean \"handshake_timeout\"?" },
	{ SERVER("inbound: {}"), "2:1: inbound: this key is unknown" },
	{ SERVER("timeout: '5 m'"), "2:10: timeout: \"5 m\": " NO_TIME },
	{ SERVER("timeout: -1"),
	    "2:10: timeout: -1: a time must be 0 seconds or more" },
	{ SERVER("return_mark: '0x50/0x10'"),
	    "2:14: return_mark: \"0x50/0x10\": the mask does not have all "
	    "bits of the mark" },
	{ SERVER("return_mark: 'lan'"),
	    "2:14: return_mark: \"lan\": this is no mark such as "
	    "\"0x50/0x50\", of 32 bits" },
	{ SERVER("return_mark: 0"),
	    "2:14: return_mark: \"0\": packets without any mark have the mark "
	    "0" },
	{ SERVER("return_mark: -1"),
	    "2:14: return_mark: -1: a mark must be 0 to 0xffffffff" },
	{ SERVER("handshake_timeout: '1d'"),
	    "2:20: handshake_timeout: \"1d\": " NO_TIME },
	{ SERVER("drain_timeout: 0.5"),
	    "2:16: drain_timeout: this must be a time such as \"5m\" or whole "
	    "seconds, not a number" },
	{ SERVER("log_level: 'debug'"),
	    "2:12: log_level: \"debug\": this is \"error\" or \"info\"" },
	{ SERVER("log_level: 1"),
	    "2:12: log_level: this must be a string, not an integer" },
	{ SERVER("source_port: 'Strict'"),
	    "2:14: source_port: \"Strict\": this is \"prefer\", \"strict\" or "
	    "\"any\"" },
	{ SERVER("source_port: 0"),
	    "2:14: source_port: this must be a string, not an integer" },
	{ SERVER("fast_open: 1"),
	    "2:12: fast_open: this must be a boolean, not an integer" },
	{ SERVER("protocol: 3"), "2:11: protocol: " NO_PROTOCOL },
	{ SERVER("protocol: 0"), "2:11: protocol: " NO_PROTOCOL },
	{ SERVER("protocol: 2.0"), "2:11: protocol: " NO_PROTOCOL },
	{ SERVER("protocol: '2'"), "2:11: protocol: " NO_PROTOCOL },
	{ SERVER("congestion: true"),
	    "2:13: congestion: this must be a string, not a boolean" },
	{ SERVER("congestion: ''"), "2:13: congestion: \"\": " NO_CONGESTION },
	{ SERVER("congestion: 'sixteen_letters_'"),
	    "2:13: congestion: \"sixteen_letters_\": " NO_CONGESTION },
	{ SERVER("congestion: 'BBR'"),
	    "2:13: congestion: \"BBR\": " NO_CONGESTION },
	{ SERVER("acl: {}"), "2:6: acl: this must be an array, not an object" },
	{ SERVER("acl: null"), "2:6: acl: this must be an array, not null" },
	{ SERVER("acl: ['x']"),
	    "2:7: acl[0]: this must be an object, not a string" },
	{ USER("allowed_src_ip: []"),
	    "3:1: acl[0].allowed_src_ip: this key is unknown; "
	    "did you mean \"allowed_src_ips\"?" },
	{ USER("auth: 5"),
	    "3:7: acl[0].auth: this must be a string, not an integer" },
	{ SERVER("status: true"),
	    "2:9: status: this is a path, or false; it is on by default" },
	{ SERVER("status: 'run/s'"),
	    "2:9: status: \"run/s\": this is an absolute path of at most 107 "
	    "bytes, or false" },
	{ SERVER("status: ''"),
	    "2:9: status: \"\": this is an absolute path of at most 107 "
	    "bytes, or false" },
	{ SERVER("status: 1"),
	    "2:9: status: this must be a string, not an integer" },
	{ USER("max_connections: 0"),
	    "3:18: acl[0].max_connections: 0: this must be a number from 1 to "
	    "2147483647" },
	{ USER("name: ''"), "3:7: acl[0].name: \"\": " NO_NAME },
	{ USER("name: 'a b'"), "3:7: acl[0].name: \"a b\": " NO_NAME },
	{ USER("name: 'a\"b'"), "3:7: acl[0].name: \"a\"b\": " NO_NAME },
	{ USER("name: ['a']"),
	    "3:7: acl[0].name: this must be a string, not an array" },
	{ USER("name: 'a\\0b'"),
	    "3:7: acl[0].name: there is a NUL character in this string" },
	{ USER("name: '12345678901234567890123456789012345678901234567890"
	       "123456789012345'"),
	    "3:7: acl[0].name: "
	    "\"12345678901234567890123456789012345678901234567890"
	    "123456789012345\": " NO_NAME },
	{ USER("allowed_src_ips: '10.0.0.0/8'"),
	    "3:18: acl[0].allowed_src_ips: this must be an array, "
	    "not a string" },
	{ USER("allowed_src_ips: [10]"),
	    "3:19: acl[0].allowed_src_ips[0]: this must be a string, "
	    "not an integer" },
	{ USER("allowed_src_ips: ['10.0.0.0/33']"),
	    "3:19: acl[0].allowed_src_ips[0]: \"10.0.0.0/33\": prefix length "
	    "is 0 to 32" },
	{ USER("allowed_src_ips: ['::1', '2001:db8::/129']"),
	    "3:26: acl[0].allowed_src_ips[1]: \"2001:db8::/129\": prefix "
	    "length is 0 to 128" },
	{ USER("allowed_src_ips: ['any']"),
	    "3:19: acl[0].allowed_src_ips[0]: \"any\": this is not an IPv4 or "
	    "IPv6 address" },
	{ USER("allowed_src_ips: ['::\\0/0']"),
	    "3:19: acl[0].allowed_src_ips[0]: "
	    "there is a NUL character in this string" },
	{ USER("allowed_src_ips: null"),
	    "3:18: acl[0].allowed_src_ips: this must be an array, not null" },
	{ USER("allowed_src_ips: ['198.51.100.0/24 ']"),
	    "3:19: acl[0].allowed_src_ips[0]: \"198.51.100.0/24 \": remove the "
	    "blank at its end" },
	{ USER("ALLOWED_SRC_IPS: []"),
	    "3:1: acl[0].ALLOWED_SRC_IPS: this key is unknown; did you mean "
	    "\"allowed_src_ips\"?" },
	{ "{ outbound: { server: 'x:2' }, timeout: 'never' }",
	    "1:13: outbound: this is the configuration of a client half, "
	    "which has outbound: srcproxy client FILE" },
	{ "{ listen: '192.0.2.1:1,192.0.2.2:1' }",
	    "1:11: listen: \"192.0.2.1:1,192.0.2.2:1\": this is a list in one "
	    "string; write each address as a string of its own" },
	{ USER("allowed_dst_ips: null"),
	    "3:18: acl[0].allowed_dst_ips: this must be an array, not null" },
	{ USER("allowed_dst_ips: ['example.net']"),
	    "3:19: acl[0].allowed_dst_ips[0]: \"example.net\": this is not an "
	    "IPv4 or IPv6 address" },
	{ SERVER("acl: [{ auth: 'x' },\n{ auth: 'x' }]"),
	    "3:9: acl[1].auth: " SAME_AUTH },
	{ SERVER("acl: [{ auth: '' },\n{}]"), "3:1: acl[1]: " SAME_AUTH },
	{ SERVER("acl: [{},\n{ auth: '' }]"), "3:9: acl[1].auth: " SAME_AUTH },
	{ USER("auth: ['x', 'y', 'x']"),
	    "3:18: acl[0].auth[2]: this auth is in the list twice" },
	{ SERVER("acl: [{ auth: ['x', 'y'] },\n{ auth: ['z', 'y'] }]"),
	    "3:15: acl[1].auth[1]: " SAME_AUTH },
	{ USER("auth: []"),
	    "3:7: acl[0].auth: this list has no secret; write one, or \"\"" },
	{ USER("auth: ['x', 5]"),
	    "3:13: acl[0].auth[1]: this must be a string, not an integer" },
	{ USER("denied_dst_ips: [':0']"),
	    "3:18: acl[0].denied_dst_ips[0]: \":0\": the port must be a "
	    "number from 1 to 65535, or two with a dash" },
	{ USER("denied_dst_ips: null"),
	    "3:17: acl[0].denied_dst_ips: this must be an array, not null" },
	{ SERVER("denied_dst_ips: null"),
	    "2:17: denied_dst_ips: this must be an array, not null" },
	/* Each is named once, and not as often as there are others. */
	{ SERVER("acl: [{},\n{},\n{}]"),
	    "3:1: acl[1]: " SAME_AUTH " | 4:1: acl[2]: " SAME_AUTH },
	/* An auth that cannot be read is not the same as a blank one. */
	{ SERVER("acl: [{ name: 'x' },\n{ name: 'x', auth: 'y' }]"),
	    "3:9: acl[1].name: " SAME_NAME },
	{ USER("name: '-'"),
	    "3:7: acl[0].name: \"-\": the log uses this name for connections "
	    "without a user" },
	{ SERVER("acl: [{},\n{ auth: 5 }]"),
	    "3:9: acl[1].auth: this must be a string, not an integer" },
};

#define IN "inbound: { listen: ':1' },\n"
#define USERS(members)                        \
	"{ inbound: { listen: ':1', " members \
	" }, outbound: { server: 'x:2' } }"
#define CLIENT(members) "{ " IN "outbound: { server: 'x:2',\n" members "\n} }"
#define LOCAL(text) CLIENT("local_addr: '" text "'")
#define AT_LOCAL(text) "3:13: outbound.local_addr: \"" text "\": "

static const struct mistake client_mistakes[] = {
	{ "{}",
	    "1:1: inbound: this key is required | "
	    "1:1: outbound: this key is required" },
	{ "{ inbound: {}, outbound: {} }",
	    "1:12: inbound.listen: this key is required | "
	    "1:26: outbound.server: this key is required" },
	{ "{ inbound: ':1', outbound: 'x:2' }",
	    "1:12: inbound: this must be an object, not a string | "
	    "1:28: outbound: this must be an object, not a string" },
	{ CLIENT("") "x", "4:4: expected the end of the text but found 'x'" },
	{ "{ listen: ':1', " IN "outbound: { server: 'x:2' } }",
	    "1:3: listen: this key is unknown" },
	{ "{ inbound: { listen: ':1', mod: 'redirect' },\n"
	  "outbound: { server: 'x:2' } }",
	    "1:28: inbound.mod: this key is unknown; did you mean \"mode\"?" },
	{ "{ inbound: { listen: ':1', mode: 'nat' },\n"
	  "outbound: { server: 'x:2' } }",
	    "1:34: inbound.mode: \"nat\": this is \"redirect\" or "
	    "\"tproxy\"" },
	{ "{ inbound: { listen: '9001' }, outbound: { server: 'x:2' } }",
	    "1:22: inbound.listen: \"9001\": the port is missing; "
	    "write host:port" },
	{ "{ " IN "outbound: { server: ':2' } }",
	    "2:21: outbound.server: \":2\": "
	    "there is no server's address in it" },
	{ "{ " IN "outbound: { server: '0.0.0.0:2' } }",
	    "2:21: outbound.server: \"0.0.0.0:2\": "
	    "there is no server's address in it" },
	{ "{ " IN "outbound: { server: '[ff02::1]:2' } }",
	    "2:21: outbound.server: \"[ff02::1]:2\": "
	    "there is no server's address in it" },
	{ "{ " IN "outbound: { server: 'x:http' } }",
	    "2:21: outbound.server: \"x:http\": "
	    "the port must be a number from 1 to 65535" },
	{ "{ " IN "outbound: { server: [] } }",
	    "2:21: outbound.server: these are 0 servers; write 1 to 16" },
	{ "{ " IN "outbound: { server: ['x:1', ':2', 7, 'x:1'] } }",
	    "2:29: outbound.server[1]: \":2\": "
	    "there is no server's address in it | "
	    "2:35: outbound.server[2]: this must be a string, not an integer | "
	    "2:38: outbound.server[3]: this server is in the list twice" },
	{ "{ " IN "outbound: { server: ['192.0.2.1:1', '[2001:db8::1]:1'],\n"
	  "local_addr: '192.0.2.2' } }",
	    "3:13: outbound.local_addr: \"192.0.2.2\": "
	    "the server's address is of the other family" },
	{ USERS("users: ['198.51.100.0/33', '!x', '', 7]"),
	    "1:36: inbound.users[0]: \"198.51.100.0/33\": prefix length is 0 "
	    "to 32 | 1:55: inbound.users[1]: \"x\": this is not an IPv4 or "
	    "IPv6 address | 1:61: inbound.users[2]: \"\": this is not an IPv4 "
	    "or IPv6 address | 1:65: inbound.users[3]: this must be a string, "
	    "not an integer" },
	{ USERS("users: ['!198.51.100.7']"),
	    "1:35: inbound.users: there are only exceptions; name the users' "
	    "prefixes as well" },
	{ USERS("users: ['::/0']"),
	    "1:36: inbound.users[0]: \"::/0\": this is every address; name the "
	    "users' prefixes only" },
	{ USERS("users: null, bypass: null"),
	    "1:35: inbound.users: this must be an array, not null | "
	    "1:49: inbound.bypass: this must be an array, not null" },
	{ USERS("bypass: ['lan']"),
	    "1:37: inbound.bypass[0]: \"lan\": this is not an IPv4 or IPv6 "
	    "address" },
	{ CLIENT("fw_mark: 1"),
	    "3:1: outbound.fw_mark: this key is unknown; "
	    "did you mean \"fwmark\"?" },
	{ CLIENT("fast_open: 'no'"),
	    "3:12: outbound.fast_open: this must be a boolean, not a string" },
	{ CLIENT("congestion: 'b b'"),
	    "3:13: outbound.congestion: \"b b\": " NO_CONGESTION },
	{ CLIENT("fwmark: -1"),
	    "3:9: outbound.fwmark: -1: a mark must be 0 to 0xffffffff" },
	{ CLIENT("fwmark: 0x100000000"),
	    "3:9: outbound.fwmark: 4294967296: a mark must be 0 to "
	    "0xffffffff" },
	{ CLIENT("fwmark: '0x1234'"),
	    "3:9: outbound.fwmark: this must be an integer, not a string" },
	{ CLIENT("fwmark: 1e3"),
	    "3:9: outbound.fwmark: this must be an integer, not a number" },
	{ LOCAL("192.0.2.2 "),
	    AT_LOCAL("192.0.2.2 ") "remove the blank at its end" },
	{ "{ inbound: null, outbound: { server: null } }",
	    "1:1: inbound: this key is required | "
	    "1:28: outbound.server: this key is required" },
	{ "{ listen: ':1',\nacl: [{ auth: 'x' }], Timeout: 1 }",
	    "1:11: listen: this is the configuration of a server half, "
	    "which has listen, acl: srcproxy server FILE" },
	{ LOCAL("eth0"),
	    AT_LOCAL("eth0") "this is not an IPv4 or IPv6 address" },
	{ LOCAL("192.0.2.2%"),
	    AT_LOCAL("192.0.2.2%") "the part after the % is not the name of an "
				   "interface" },
	{ LOCAL("fe80::1"),
	    AT_LOCAL("fe80::1") "a link-local address needs its interface; "
				"write address%interface" },
	{ "{ " IN "outbound: { server: '192.0.2.1:2',\n"
	  "local_addr: '2001:db8::1' } }",
	    AT_LOCAL(
		"2001:db8::1") "the server's address is of the other family" },
	{ "{ " IN "outbound: { server: '[2001:db8::1]:2',\n"
	  "local_addr: '192.0.2.2%eth0' } }",
	    AT_LOCAL("192.0.2.2%eth0") "the server's address is of the other "
				       "family" },
	{ "{ " IN "outbound: { server: 'x:2' }, timeout: true,\n"
	  "log_level: 'warn', acl: [] }",
	    "3:20: acl: this key is unknown | "
	    "2:39: timeout: this must be a time such as \"5m\" or whole "
	    "seconds, not a boolean | "
	    "3:12: log_level: \"warn\": this is \"error\" or \"info\"" },
};

START_TEST(a_server_mistake_is_reported_where_it_stands)
{
	ck_assert_ptr_null(load(CONFIG_SERVER, server_mistakes[_i].text));
	ck_assert_str_eq(problems_reported(), server_mistakes[_i].reported);
}
END_TEST

START_TEST(a_client_mistake_is_reported_where_it_stands)
{
	ck_assert_ptr_null(load(CONFIG_CLIENT, client_mistakes[_i].text));
	ck_assert_str_eq(problems_reported(), client_mistakes[_i].reported);
}
END_TEST

START_TEST(one_run_reports_all_mistakes)
{
	ck_assert_ptr_null(load(CONFIG_SERVER,
	    "{\n"
	    "  listen: 'nowhere',\n"
	    "  timeout: '5 minutes',\n"
	    "  acl: [\n"
	    "    { auth: 'a', allowed_src_ips: ['10.0.0.0/33', 'x'] },\n"
	    "    { auth: 'a', nam: 'fred' },\n"
	    "    7,\n"
	    "  ],\n"
	    "}\n"));
	ck_assert_str_eq(problems_reported(),
	    "2:11: listen: \"nowhere\": the port is missing; write host:port | "
	    "5:36: acl[0].allowed_src_ips[0]: \"10.0.0.0/33\": prefix length "
	    "is 0 to 32 | 5:51: acl[0].allowed_src_ips[1]: \"x\": this is not "
	    "an IPv4 or IPv6 address | 6:18: acl[1].nam: this key is unknown; "
	    "did you mean \"name\"? | 6:13: acl[1].auth: " SAME_AUTH " | "
	    "7:5: acl[2]: this must be an object, not an integer | "
	    "3:12: timeout: \"5 minutes\": " NO_TIME);
}
END_TEST

START_TEST(host_bits_are_cleared_with_a_warning)
{
	struct config *config = load(CONFIG_SERVER,
	    USER("allowed_src_ips: ['192.0.2.1/24',\n'2001:db8::1/32'],\n"
		 "auth: '" SAMPLE_AUTH "'"));

	ck_assert_ptr_nonnull(config);
	ck_assert_str_eq(problems_reported(),
	    "not fatal: 3:19: acl[0].allowed_src_ips[0]: warning: "
	    "\"192.0.2.1/24\" has bits set behind the prefix; used as "
	    "192.0.2.0/24 | not fatal: 4:1: acl[0].allowed_src_ips[1]: "
	    "warning: \"2001:db8::1/32\" has bits set behind the prefix; used "
	    "as 2001:db8::/32");
	check_prefix(&config->acl.users[0].sources.items[0], "192.0.2.0/24");
	check_prefix(&config->acl.users[0].sources.items[1], "2001:db8::/32");
	config_unref(config);
}
END_TEST

/* A file that was not written to its end opens no door. */
START_TEST(no_beginning_of_a_configuration_is_one)
{
	const char *sample =
	    _i == CONFIG_SERVER ? server_sample : client_sample;
	size_t last = (size_t)(strrchr(sample, '}') - sample);

	for (size_t len = 0; len <= last; len++) {
		const char *path = problems_file(sample, len);

		ck_assert_ptr_null(
		    config_load(path, (enum config_kind)_i, problems_report));
		ck_assert_str_ne(problems_reported(), "");
		problems_forget_file();
	}
}
END_TEST

/* Whatever is wrong around it. */
START_TEST(an_auth_is_never_shown)
{
	load(CONFIG_SERVER,
	    "{ acl: [{ auth: 'hush' }, { auth: 'hush' },\n"
	    "{ auth: ['hush'] }, { auth: 'hush\\0' }] }");
	ck_assert_ptr_null(strstr(problems_reported(), "hush"));
}
END_TEST

START_TEST(a_file_that_is_not_there_is_a_mistake)
{
	const char *path = problems_file("", 0);

	problems_forget_file();
	ck_assert_ptr_null(config_load(path, CONFIG_SERVER, problems_report));
	ck_assert_str_eq(
	    problems_reported(), " cannot open: No such file or directory");
}
END_TEST

START_TEST(nothing_is_destroyed_without_complaint)
{
	config_unref(NULL);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("config");
	TCase *good = tcase_create("good");
	TCase *bad = tcase_create("bad");
	TCase *cut = tcase_create("cut");

	tcase_add_test(good, the_server_sample_is_read_as_it_stands);
	tcase_add_test(good, the_client_sample_is_read_as_it_stands);
	tcase_add_test(good, servers_are_one_or_a_list_in_their_order);
	tcase_add_test(good, a_server_has_defaults_for_all_but_listen);
	tcase_add_test(good, a_client_has_defaults_for_all_but_its_two_ends);
	tcase_add_test(good, a_limit_of_connections_is_read);
	tcase_add_test(good, how_the_leg_between_the_halves_is_to_be_is_read);
	tcase_add_loop_test(good,
	    the_versions_of_the_protocol_are_read_for_both_halves, 0,
	    COUNT(protocols));
	tcase_add_loop_test(
	    good, the_key_of_a_client_is_made_of_its_secret, 0, 2);
	tcase_add_test(
	    good, the_status_socket_is_called_after_the_half_and_its_port);
	tcase_add_test(good, an_acl_entry_has_defaults_for_everything);
	tcase_add_test(good, what_is_given_for_a_server_counts);
	tcase_add_test(good,
	    a_client_has_users_with_exceptions_and_destinations_to_bypass);
	tcase_add_test(good, a_user_may_have_several_secrets);
	tcase_add_test(good, destinations_may_have_ports_and_be_denied);
	tcase_add_test(good, an_empty_list_of_destinations_is_no_absent_one);
	tcase_add_loop_test(
	    good, an_absent_or_empty_acl_is_off, 0, COUNT(absent_acls));
	tcase_add_loop_test(good, there_are_three_policies_for_source_ports, 0,
	    COUNT(source_ports));
	tcase_add_loop_test(good, a_mark_has_32_bits, 0, COUNT(marks));
	tcase_add_test(good, what_is_null_or_blank_is_absent);
	tcase_add_test(good, nothing_is_destroyed_without_complaint);
	suite_add_tcase(suite, good);

	tcase_add_loop_test(bad, a_server_mistake_is_reported_where_it_stands,
	    0, COUNT(server_mistakes));
	tcase_add_loop_test(bad, a_client_mistake_is_reported_where_it_stands,
	    0, COUNT(client_mistakes));
	tcase_add_test(bad, one_run_reports_all_mistakes);
	tcase_add_test(bad, host_bits_are_cleared_with_a_warning);
	tcase_add_test(bad, an_auth_is_never_shown);
	tcase_add_test(bad, a_file_that_is_not_there_is_a_mistake);
	suite_add_tcase(suite, bad);

	/* Each maps room for the largest file, which takes valgrind 80 ms. */
	tcase_set_tags(cut, "many-files");
	tcase_add_loop_test(cut, no_beginning_of_a_configuration_is_one, 0, 2);
	suite_add_tcase(suite, cut);
	return suite;
}
