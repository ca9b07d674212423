#include "config/acl.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

/* What the tests ask: fred may send from two blocks, anna from anywhere. */
static struct acl acl;

static struct prefix
block(const char *text)
{
	struct prefix prefix;
	bool masked;

	ck_assert_pstr_eq(prefix_parse(text, &prefix, &masked), NULL);
	return prefix;
}

static void
allow(struct acl_user *user, const char *text)
{
	struct prefix prefix = block(text);

	ck_assert_int_eq(prefix_list_add(&user->sources, &prefix), 0);
}

static void
open_acl(void)
{
	struct acl_user *fred, *anna;

	acl.user_count = 2;
	acl.users = calloc(acl.user_count, sizeof(*acl.users));
	fred = &acl.users[0];
	strcpy(fred->name, "fred");
	digest_compute("secret", strlen("secret"), &fred->digest);
	allow(fred, "192.0.2.128/25");
	allow(fred, "2001:db8:aaaa::/64");
	anna = &acl.users[1];
	strcpy(anna->name, "anna");
	digest_compute("", 0, &anna->digest);
	for (size_t i = 0; i < acl.user_count; i++)
		ck_assert_int_eq(digest_index_add(&acl.by_auth,
				     &acl.users[i].digest, &acl.users[i]),
		    0);
}

static void
finish_acl(void)
{
	acl_finish(&acl);
}

/* From a block that ends where the auth does, to be seen reading past it. */
static const char *
find_bytes(const void *auth, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	const struct acl_user *user;

	memcpy(copy, auth, len);
	user = acl_find(&acl, copy, len);
	free(copy);
	return user ? user->name : NULL;
}

static const char *
find(const char *auth)
{
	struct digest digest;

	digest_compute(auth, strlen(auth), &digest);
	return find_bytes(digest.bytes, sizeof(digest.bytes));
}

START_TEST(each_user_is_found_by_their_own_auth)
{
	ck_assert_pstr_eq(find("secret"), "fred");
	ck_assert_pstr_eq(find(""), "anna");
}
END_TEST

START_TEST(nobody_is_found_by_another_auth)
{
	ck_assert_pstr_eq(find("Secret"), NULL);
	ck_assert_pstr_eq(find("secret "), NULL);
	ck_assert_pstr_eq(find("fred"), NULL);
}
END_TEST

START_TEST(an_auth_of_another_length_is_nobodys)
{
	uint8_t bytes[255];
	struct digest digest;

	digest_compute("secret", strlen("secret"), &digest);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		memset(bytes, 0, sizeof(bytes));
		memcpy(
		    bytes, digest.bytes, len < DIGEST_LEN ? len : DIGEST_LEN);
		ck_assert_pstr_eq(
		    find_bytes(bytes, len), len == DIGEST_LEN ? "fred" : NULL);
	}
}
END_TEST

START_TEST(the_auth_itself_is_not_its_digest)
{
	ck_assert_pstr_eq(find_bytes("secret", strlen("secret")), NULL);
	ck_assert_pstr_eq(find_bytes("", 0), NULL);
}
END_TEST

START_TEST(an_absent_acl_knows_nobody)
{
	struct acl none = { .users = NULL };
	struct digest digest;

	digest_compute("", 0, &digest);
	ck_assert_ptr_null(acl_find(&none, digest.bytes, sizeof(digest.bytes)));
	acl_finish(&none);
}
END_TEST

START_TEST(a_finished_acl_is_off)
{
	acl_finish(&acl);
	ck_assert_uint_eq(acl.user_count, 0);
	ck_assert_pstr_eq(find("secret"), NULL);
}
END_TEST

static struct protocol_key
make_key(uint8_t hint, uint8_t key)
{
	struct protocol_key made = { .hint = { hint } };

	memset(&made.key, key, sizeof(made.key));
	return made;
}

/* The users whose keys have that hint. */
static void
check_keys(uint8_t first_of_hint, const char *first, const char *second)
{
	const uint8_t hint[PROTOCOL_HINT_LEN] = { first_of_hint };
	const struct acl_key *key = acl_find_keys(&acl, hint);

	ck_assert_ptr_nonnull(key);
	ck_assert_pstr_eq(key->user ? key->user->name : NULL, first);
	key = key->next;
	ck_assert_pstr_eq(key ? key->user->name : NULL, second);
	ck_assert(!key || !key->next);
}

START_TEST(a_hint_finds_each_key_that_has_it_or_nobodys)
{
	const struct protocol_key one = make_key(1, 'a'),
				  same = make_key(1, 'b'),
				  other = make_key(2, 'c');

	check_keys(1, NULL, NULL);
	ck_assert_int_eq(acl_add_key(&acl, &one, &acl.users[0]), 0);
	ck_assert_int_eq(acl_add_key(&acl, &other, &acl.users[0]), 0);
	check_keys(1, "fred", NULL);
	ck_assert_int_eq(acl_add_key(&acl, &same, &acl.users[1]), 0);
	check_keys(1, "fred", "anna");
	check_keys(2, "fred", NULL);
	check_keys(3, NULL, NULL);
	ck_assert_mem_eq(
	    &acl_find_keys(&acl, one.hint)->key, &one.key, sizeof(one.key));
	ck_assert_mem_eq(&acl_find_keys(&acl, one.hint)->next->key, &same.key,
	    sizeof(same.key));
}
END_TEST

static const struct {
	const char *source;
	bool permitted; /* for fred */
} sources[] = {
	{ "192.0.2.127", false },
	{ "192.0.2.128", true },
	{ "192.0.2.255", true },
	{ "192.0.3.128", false },
	{ "0.0.0.0", false },
	{ "2001:db8:aaaa::", true },
	{ "2001:db8:aaaa:0:ffff:ffff:ffff:ffff", true },
	{ "2001:db8:aaaa:1::", false },
	{ "2001:db8:aaa9::1", false },
	{ "::", false },
};

static bool
permits(const struct acl_user *user, const char *source)
{
	union address address;

	ck_assert(address_parse(source, &address));
	address_set_port(&address, 50000);
	return acl_user_permits(user, &address);
}

START_TEST(a_user_may_send_from_their_own_blocks_only)
{
	ck_assert_msg(
	    permits(&acl.users[0], sources[_i].source) == sources[_i].permitted,
	    "%s", sources[_i].source);
}
END_TEST

START_TEST(a_user_without_blocks_may_send_from_anywhere)
{
	ck_assert(permits(&acl.users[1], sources[_i].source));
}
END_TEST

START_TEST(a_source_is_named_by_an_entry_of_its_own_only)
{
	struct prefix blocks[] = { block("192.0.2.0/24"), block("192.0.2.7"),
		block("2001:db8::/64"), block("2001:db8::7/128"),
		block("2001:db8::8/127") };
	struct acl_user user = { .sources = { .items = blocks,
				     .count = COUNT(blocks) } };
	static const char *const named[] = { "192.0.2.7", "2001:db8::7" };
	static const char *const held[] = { "192.0.2.8", "2001:db8::8",
		"2001:db8::6" };
	union address address;

	for (size_t i = 0; i < COUNT(named); i++) {
		ck_assert(address_parse(named[i], &address));
		ck_assert(acl_user_names(&user, &address));
	}
	for (size_t i = 0; i < COUNT(held); i++) {
		ck_assert(address_parse(held[i], &address));
		ck_assert(!acl_user_names(&user, &address));
	}
	user.sources.count = 0;
	ck_assert(!acl_user_names(&user, &address));
}
END_TEST

START_TEST(a_block_of_everything_is_of_one_family)
{
	acl.users[0].sources.items[0] = block("0.0.0.0/0");
	ck_assert(permits(&acl.users[0], "198.51.100.7"));
	ck_assert(!permits(&acl.users[0], "2001:db8::1"));
}
END_TEST

static const char *
refuses(const struct acl_user *user, const char *destination)
{
	union address address;

	ck_assert(address_parse(destination, &address));
	address_set_port(&address, 443);
	return acl_refuse_destination(&acl, user, &address);
}

static void
add_target(struct target_list *list, const char *text)
{
	bool masked;

	list->is_given = true;
	list->items =
	    realloc(list->items, (list->count + 1) * sizeof(*list->items));
	ck_assert_pstr_eq(
	    target_parse(text, &list->items[list->count++], &masked), NULL);
}

/* Gives fred these destinations and no more; NULL: none. */
static void
confine(const char *first, const char *second)
{
	struct acl_user *fred = &acl.users[0];

	fred->allowed.is_given = true;
	if (first)
		add_target(&fred->allowed, first);
	if (second)
		add_target(&fred->allowed, second);
}

static const char *const special[] = {
	"127.0.0.1",
	"169.254.169.254",
	"0.0.0.0",
	"::1",
	"::",
	"fe80::1",
	"fd00:ec2::254",
	"::127.0.0.1",
	"64:ff9b::7f00:1",
	"2002:7f00:1::1",
};

static const char *const usual[] = {
	"203.0.113.5",
	"10.0.0.1",
	"2001:db8::5",
	"fc00::1",
	"64:ff9b::203.0.113.5",
};

START_TEST(nobody_goes_to_special_destinations_by_default)
{
	ck_assert_ptr_nonnull(refuses(&acl.users[0], special[_i]));
	ck_assert_ptr_nonnull(refuses(NULL, special[_i]));
}
END_TEST

START_TEST(everybody_goes_to_all_others_by_default)
{
	ck_assert_pstr_eq(refuses(&acl.users[0], usual[_i]), NULL);
	ck_assert_pstr_eq(refuses(NULL, usual[_i]), NULL);
}
END_TEST

START_TEST(a_confined_user_goes_to_their_own_blocks_only)
{
	confine("203.0.113.0/24", "64:ff9b::/96");
	ck_assert_pstr_eq(refuses(&acl.users[0], "203.0.113.255"), NULL);
	ck_assert_pstr_eq(refuses(&acl.users[0], "64:ff9b::cb00:7105"), NULL);
	ck_assert_str_eq(refuses(&acl.users[0], "203.0.114.0"),
	    "this destination is not among the user's allowed_dst_ips");
	ck_assert_ptr_nonnull(refuses(&acl.users[0], "2001:db8::5"));
	ck_assert_ptr_nonnull(refuses(&acl.users[0], special[0]));
}
END_TEST

/* The port of all these is 443. */
START_TEST(a_confined_user_goes_to_their_own_ports_only)
{
	confine("203.0.113.0/24:443", ":80");
	ck_assert_pstr_eq(refuses(&acl.users[0], "203.0.113.5"), NULL);
	ck_assert_ptr_nonnull(refuses(&acl.users[0], "203.0.114.5"));
	ck_assert_ptr_nonnull(refuses(&acl.users[0], "2001:db8::5"));
}
END_TEST

START_TEST(a_port_of_all_addresses_opens_nothing_special)
{
	confine(":443", NULL);
	ck_assert_pstr_eq(refuses(&acl.users[0], usual[0]), NULL);
	ck_assert_ptr_nonnull(refuses(&acl.users[0], special[_i]));
}
END_TEST

START_TEST(what_is_denied_to_a_user_wins_over_what_is_allowed)
{
	confine("203.0.113.0/24", NULL);
	add_target(&acl.users[0].denied, "203.0.113.128/25:1-443");
	add_target(&acl.users[0].denied, "2001:db8::5");
	ck_assert_pstr_eq(refuses(&acl.users[0], "203.0.113.5"), NULL);
	ck_assert_str_eq(refuses(&acl.users[0], "203.0.113.129"),
	    "this destination is among the user's denied_dst_ips");
	ck_assert_str_eq(refuses(&acl.users[0], "2001:db8::5"),
	    "this destination is among the user's denied_dst_ips");
	ck_assert_pstr_eq(refuses(&acl.users[1], "203.0.113.129"), NULL);
}
END_TEST

START_TEST(what_is_denied_to_all_is_so_without_users_as_well)
{
	confine("203.0.113.0/24", NULL);
	add_target(&acl.denied, ":443");
	ck_assert_str_eq(refuses(&acl.users[0], "203.0.113.5"),
	    "this destination is among denied_dst_ips");
	ck_assert_str_eq(refuses(NULL, "2001:db8::5"),
	    "this destination is among denied_dst_ips");
}
END_TEST

START_TEST(a_user_confined_to_nothing_goes_nowhere)
{
	confine(NULL, NULL);
	ck_assert_ptr_nonnull(refuses(&acl.users[0], usual[_i]));
}
END_TEST

START_TEST(a_block_of_everything_opens_nothing_special)
{
	confine("0.0.0.0/0", "::/0");
	ck_assert_ptr_nonnull(refuses(&acl.users[0], special[_i]));
}
END_TEST

START_TEST(a_block_of_everything_opens_all_others)
{
	confine("0.0.0.0/0", "::/0");
	ck_assert_pstr_eq(refuses(&acl.users[0], usual[_i]), NULL);
}
END_TEST

static const struct {
	const char *entry, *destination;
	bool permitted;
} openings[] = {
	{ "127.0.0.0/8", "127.0.0.1", true },
	{ "127.0.0.1", "127.0.0.1", true },
	{ "127.0.0.1", "127.0.0.2", false },
	{ "126.0.0.0/7", "127.0.0.1", false },
	{ "::ffff:127.0.0.1", "127.0.0.1", true },
	{ "169.254.169.254", "169.254.169.254", true },
	{ "169.254.0.0/15", "169.254.169.254", false },
	{ "100.64.0.0/10", "100.100.100.200", false },
	{ "100.64.0.0/10", "100.100.100.199", true },
	{ "::1", "::1", true },
	{ "::/127", "::1", false },
	{ "127.0.0.0/8", "::1", false },
	{ "::/96", "::127.0.0.1", true },
	{ "127.0.0.0/8", "64:ff9b::7f00:1", false },
	{ "64:ff9b::/96", "64:ff9b::7f00:1", false },
	{ "64:ff9b::7f00:0/104", "64:ff9b::7f00:1", true },
	{ "2002::/16", "2002:7f00:1::1", false },
	{ "2002:7f00::/24", "2002:7f00:1::1", true },
};

START_TEST(a_special_destination_is_opened_by_an_entry_within_its_block)
{
	confine(openings[_i].entry, NULL);
	ck_assert_msg(!refuses(&acl.users[0], openings[_i].destination) ==
		openings[_i].permitted,
	    "%s for %s", openings[_i].entry, openings[_i].destination);
}
END_TEST

static const struct {
	const char *sources[3];
	bool v4, v6;
} families[] = {
	{ { NULL }, true, true },
	{ { "192.0.2.0/24" }, true, false },
	{ { "2001:db8::/32" }, false, true },
	{ { "2001:db8::/32", "::/0" }, false, true },
	{ { "2001:db8::/32", "::ffff:192.0.2.1" }, true, true },
	{ { "2001:db8::/32", "192.0.2.1" }, true, true },
};

START_TEST(a_family_is_known_if_anybody_may_send_from_it)
{
	struct acl_user user = { .name = "" };
	struct acl one = { .users = &user, .user_count = 1 };

	for (size_t i = 0; families[_i].sources[i]; i++)
		allow(&user, families[_i].sources[i]);
	ck_assert(acl_knows_family(&one, AF_INET) == families[_i].v4);
	ck_assert(acl_knows_family(&one, AF_INET6) == families[_i].v6);
	ck_assert(acl_permits_any_source(&one) == !families[_i].sources[0]);
	prefix_list_finish(&user.sources);
}
END_TEST

START_TEST(without_an_acl_both_families_are_known)
{
	struct acl none = { .users = NULL };

	ck_assert(acl_knows_family(&none, AF_INET));
	ck_assert(acl_knows_family(&none, AF_INET6));
	ck_assert(acl_permits_any_source(&none));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("acl");
	TCase *who = tcase_create("who");
	TCase *where = tcase_create("where");
	TCase *whereto = tcase_create("whereto");

	tcase_add_checked_fixture(who, open_acl, finish_acl);
	tcase_add_test(who, each_user_is_found_by_their_own_auth);
	tcase_add_test(who, nobody_is_found_by_another_auth);
	tcase_add_test(who, an_auth_of_another_length_is_nobodys);
	tcase_add_test(who, the_auth_itself_is_not_its_digest);
	tcase_add_test(who, an_absent_acl_knows_nobody);
	tcase_add_test(who, a_finished_acl_is_off);
	tcase_add_test(who, a_hint_finds_each_key_that_has_it_or_nobodys);
	suite_add_tcase(suite, who);

	tcase_add_checked_fixture(where, open_acl, finish_acl);
	tcase_add_loop_test(where, a_user_may_send_from_their_own_blocks_only,
	    0, COUNT(sources));
	tcase_add_loop_test(where, a_user_without_blocks_may_send_from_anywhere,
	    0, COUNT(sources));
	tcase_add_test(where, a_source_is_named_by_an_entry_of_its_own_only);
	tcase_add_test(where, a_block_of_everything_is_of_one_family);
	tcase_add_loop_test(where,
	    a_family_is_known_if_anybody_may_send_from_it, 0, COUNT(families));
	tcase_add_test(where, without_an_acl_both_families_are_known);
	suite_add_tcase(suite, where);

	tcase_add_checked_fixture(whereto, open_acl, finish_acl);
	tcase_add_loop_test(whereto,
	    nobody_goes_to_special_destinations_by_default, 0, COUNT(special));
	tcase_add_loop_test(
	    whereto, everybody_goes_to_all_others_by_default, 0, COUNT(usual));
	tcase_add_test(whereto, a_confined_user_goes_to_their_own_blocks_only);
	tcase_add_test(whereto, a_confined_user_goes_to_their_own_ports_only);
	tcase_add_loop_test(whereto,
	    a_port_of_all_addresses_opens_nothing_special, 0, COUNT(special));
	tcase_add_test(
	    whereto, what_is_denied_to_a_user_wins_over_what_is_allowed);
	tcase_add_test(
	    whereto, what_is_denied_to_all_is_so_without_users_as_well);
	tcase_add_loop_test(
	    whereto, a_user_confined_to_nothing_goes_nowhere, 0, COUNT(usual));
	tcase_add_loop_test(whereto,
	    a_block_of_everything_opens_nothing_special, 0, COUNT(special));
	tcase_add_loop_test(
	    whereto, a_block_of_everything_opens_all_others, 0, COUNT(usual));
	tcase_add_loop_test(whereto,
	    a_special_destination_is_opened_by_an_entry_within_its_block, 0,
	    COUNT(openings));
	suite_add_tcase(suite, whereto);
	return suite;
}
