#include "proxy/handover_record.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

static uint8_t in_hand[] = "abc";
static struct relay relay;
static struct connection connection;
static struct account account = { .name = "alice" };

static union address
address_of(uint16_t port)
{
	union address address = { .v4 = { .sin_family = AF_INET,
				      .sin_port = port } };

	return address;
}

/* A relay that stands still, with bytes in hand both ways. */
static struct handover_connection
describe(int fds[HANDOVER_MAX_FDS], size_t *count)
{
	struct handover_connection record;

	relay = (struct relay){ .fd = { 10, 11 },
		.idle_ms = 300000,
		.end = RELAY_RESET,
		.culprit = RELAY_UPSTREAM,
		.error = 104,
		.is_over = { false, true },
		.bytes = { 100, 200 },
		.finished = { true, false },
		.moved_at = 12345,
		.acknowledged = { 1, 2 },
		.has_settled = true,
		.ended = true,
		.answer = {
		    .is_awaited = true, .len = 2, .bytes = { 33, 7 } } };
	relay.flow[0] = (struct relay_flow){ .received = 103,
		.rest = { .pipe = { -1, -1 }, .bytes = in_hand, .len = 3 } };
	relay.flow[1] = (struct relay_flow){ .received = 65736,
		.rest = { .pipe = { 12, 13 }, .piped = 65536 } };
	connection.facts = (struct connection_facts){ .number = 77,
		.account = &account,
		.peer = address_of(1),
		.source = address_of(2),
		.source_used = address_of(3),
		.destination = address_of(4),
		.server = address_of(5) };
	connection.server = address_of(5);
	*count = handover_describe(&record, &connection, &relay, fds);
	return record;
}

START_TEST(a_connection_is_the_same_on_the_other_side)
{
	const uint8_t *bytes[2], *data;
	struct handover_connection sent, got;
	struct connection other = { 0 };
	struct relay restored = { 0 };
	int fds[HANDOVER_MAX_FDS];
	uint8_t message[sizeof(sent) + 3];
	size_t len = sizeof(message), count;

	sent = describe(fds, &count);
	memcpy(message, &sent, sizeof(sent));
	memcpy(message + sizeof(sent), in_hand, 3);
	data = message;
	ck_assert(handover_read_connection(&data, &len, &got, bytes));
	ck_assert_uint_eq(len, 0);
	ck_assert_uint_eq(count, 4);
	ck_assert_uint_eq(handover_fd_count(&got), count);
	ck_assert_str_eq(got.user.name, "alice");
	ck_assert_int_eq(
	    handover_restore(&got, bytes, fds, &other, &restored), 0);
	/* All of it: described again, it is the same. */
	other.facts.account = &account;
	ck_assert_uint_eq(
	    handover_describe(&got, &other, &restored, fds), count);
	ck_assert_mem_eq(&got, &sent, sizeof(sent));
	ck_assert_int_eq(restored.flow[1].rest.pipe[0], 12);
	ck_assert_mem_eq(restored.flow[0].rest.bytes, in_hand, 3);
	free(restored.flow[0].rest.bytes);
}
END_TEST

/* What a record must not be: a field, its length, a value. */
#define FIELD(name, value)                                                 \
	{                                                                  \
		offsetof(struct handover_connection, name),                \
		    sizeof(((struct handover_connection *)0)->name), value \
	}

static const struct {
	size_t at, len;
	uint64_t value;
} bad[] = {
	FIELD(size, 0),
	FIELD(size, offsetof(struct handover_connection, awaits_answer) - 1),
	FIELD(size, sizeof(struct handover_connection) + 1),
	FIELD(size, UINT32_MAX),
	FIELD(user.is_named, 0),
	FIELD(user.is_named, 2),
	FIELD(user.has_auth, 1),
	FIELD(peer.any.sa_family, AF_UNSPEC),
	FIELD(source.any.sa_family, AF_UNIX),
	FIELD(destination.any.sa_family, AF_UNSPEC),
	FIELD(server.any.sa_family, AF_UNIX),
	FIELD(has_choice, 2),
	FIELD(idle_ms, (uint64_t)-1),
	FIELD(end, RELAY_IDLE + 1),
	FIELD(culprit, 2),
	FIELD(has_settled, 2),
	FIELD(ended, 2),
	FIELD(is_new, 2),
	FIELD(awaits_answer, 2),
	FIELD(answer_len, RELAY_ANSWER_MAX_LEN),
	FIELD(flow[0].stage, RELAY_STAGE_COUNT),
	FIELD(flow[0].stage, RELAY_LEFT),
	FIELD(flow[0].finished, 2),
	FIELD(flow[1].is_over, 2),
	FIELD(flow[0].len, 4),
	FIELD(flow[0].len, PUMP_PIECE_LEN + 1),
	FIELD(flow[0].received, 2),
	FIELD(flow[1].len, 1),
	FIELD(flow[1].piped, UINT32_MAX),
};

START_TEST(a_record_that_makes_no_sense_is_refused)
{
	uint8_t message[sizeof(struct handover_connection) + 3];
	struct handover_connection record;
	const uint8_t *bytes[2], *data = message;
	int fds[HANDOVER_MAX_FDS];
	size_t len = sizeof(message), count;

	record = describe(fds, &count);
	memcpy((uint8_t *)&record + bad[_i].at, &bad[_i].value, bad[_i].len);
	memcpy(message, &record, sizeof(record));
	memcpy(message + sizeof(record), in_hand, 3);
	ck_assert(!handover_read_connection(&data, &len, &record, bytes));
}
END_TEST

START_TEST(a_name_must_end)
{
	struct handover_connection record;
	const uint8_t *bytes[2], *data = (const uint8_t *)&record;
	int fds[HANDOVER_MAX_FDS];
	size_t len = sizeof(record), count;

	record = describe(fds, &count);
	record.flow[0].len = 0;
	memset(record.user.name, 'a', sizeof(record.user.name));
	ck_assert(!handover_read_connection(&data, &len, &record, bytes));
}
END_TEST

START_TEST(a_record_that_is_cut_off_is_refused)
{
	uint8_t message[sizeof(struct handover_connection) + 3];
	struct handover_connection record;
	const uint8_t *bytes[2];
	int fds[HANDOVER_MAX_FDS];
	size_t count;

	record = describe(fds, &count);
	memcpy(message, &record, sizeof(record));
	memcpy(message + sizeof(record), in_hand, 3);
	for (size_t cut = 0; cut < sizeof(message); cut++) {
		/* So that a sanitizer sees what is read behind it. */
		uint8_t *copy = malloc(cut ? cut : 1);
		const uint8_t *data = copy;
		size_t len = cut;

		memcpy(copy, message, cut);
		ck_assert(
		    !handover_read_connection(&data, &len, &record, bytes));
		free(copy);
	}
}
END_TEST

START_TEST(an_account_keeps_its_counts_and_its_key)
{
	static const char *const names[] = { "alice", "", "-" };
	struct account old = { .established = 1,
		.sent = 2,
		.received = 3,
		.seen_at = 4,
		.is_nobody = _i == 2 };
	struct handover_account sent, got;
	const uint8_t *data = (const uint8_t *)&sent;
	size_t len = sizeof(sent);
	static struct accounts accounts; /* never freed */
	struct account *found;

	strcpy(old.name, names[_i]);
	old.auth.bytes[0] = 9;
	old.refused[REFUSAL_DENIED] = 5;
	handover_describe_account(&sent, &old);
	ck_assert(handover_read_account(&data, &len, &got));
	accounts_init(&accounts);
	ck_assert(handover_restore_account(&accounts, &got));
	found = handover_find_account(&accounts, &got.user);
	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(found->name, names[_i]);
	ck_assert_uint_eq(found->established, 1);
	ck_assert_uint_eq(found->sent, 2);
	ck_assert_uint_eq(found->received, 3);
	ck_assert_int_eq(found->seen_at, 4);
	ck_assert_uint_eq(found->refused[REFUSAL_DENIED], 5);
	ck_assert_int_eq(found == &accounts.nobody, _i == 2);
	/* The other process has moved them, before this one began. */
	accounts_sample(&accounts, 1000);
	ck_assert_uint_eq(found->sent_rate, 0);
	ck_assert_uint_eq(found->received_rate, 0);
}
END_TEST

/* A version with fewer kinds of refusals had a shorter record. */
START_TEST(a_shorter_record_of_an_earlier_version_is_read)
{
	struct account old = { .name = "alice", .sent = 2 };
	struct handover_account sent, got;
	const uint8_t *data = (const uint8_t *)&sent;
	size_t len;

	old.refused[0] = 5;
	old.refused[REFUSAL_COUNT - 1] = 6;
	handover_describe_account(&sent, &old);
	sent.size -= sizeof(uint64_t);
	len = sent.size;
	ck_assert(handover_read_account(&data, &len, &got));
	ck_assert_uint_eq(got.sent, 2);
	ck_assert_uint_eq(got.refused[0], 5);
	ck_assert_uint_eq(got.refused[REFUSAL_COUNT - 1], 0);
}
END_TEST

START_TEST(a_connection_of_version_1_0_awaits_no_answer)
{
	struct handover_connection record, got;
	const uint8_t *bytes[2], *data = (const uint8_t *)&record;
	size_t len = offsetof(struct handover_connection, awaits_answer), count;
	int fds[HANDOVER_MAX_FDS];

	record = describe(fds, &count);
	record.flow[0].len = 0;
	record.size = (uint32_t)len;
	ck_assert(handover_read_connection(&data, &len, &got, bytes));
	ck_assert_uint_eq(len, 0);
	ck_assert_uint_eq(got.number, 77);
	ck_assert(!got.awaits_answer);
	ck_assert_uint_eq(got.answer_len, 0);
}
END_TEST

static bool
reads_version(struct handover_version record, size_t len)
{
	struct handover_version got;
	const uint8_t *data = (const uint8_t *)&record;

	return handover_read_version(&data, &len, &got) && len == 0 &&
	    got.version == record.version &&
	    got.good_until == record.good_until &&
	    address_equal(&got.server, &record.server);
}

START_TEST(a_version_is_one_that_there_is)
{
	struct handover_version record = {
		.size = sizeof(record), .good_until = 7, .server = address_of(5)
	};

	for (record.version = 0; record.version < 300; record.version++)
		ck_assert_int_eq(reads_version(record, sizeof(record)),
		    record.version == 1 || record.version == 2);
	record.version = 2;
	ck_assert(!reads_version(record, sizeof(record) - 1));
	record.server.any.sa_family = AF_UNSPEC;
	ck_assert(!reads_version(record, sizeof(record)));
	record.server = address_of(5);
	record.size++;
	ck_assert(!reads_version(record, sizeof(record)));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("handover_record");
	TCase *records = tcase_create("records");

	tcase_add_test(records, a_connection_is_the_same_on_the_other_side);
	tcase_add_loop_test(
	    records, a_record_that_makes_no_sense_is_refused, 0, COUNT(bad));
	tcase_add_test(records, a_name_must_end);
	tcase_add_test(records, a_record_that_is_cut_off_is_refused);
	tcase_add_loop_test(
	    records, an_account_keeps_its_counts_and_its_key, 0, 3);
	tcase_add_test(records, a_shorter_record_of_an_earlier_version_is_read);
	tcase_add_test(records, a_connection_of_version_1_0_awaits_no_answer);
	tcase_add_test(records, a_version_is_one_that_there_is);
	suite_add_tcase(suite, records);
	return suite;
}
