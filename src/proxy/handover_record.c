#include "proxy/handover_record.h"

#include <errno.h>
#include <string.h>

/* What version 1.0 had; a record is at least this long. */
#define ACCOUNT_MIN_SIZE offsetof(struct handover_account, refused)
#define CONNECTION_MIN_SIZE offsetof(struct handover_connection, awaits_answer)

static void
describe_user(struct handover_user *record, const struct account *account)
{
	memset(record, 0, sizeof(*record));
	record->is_named = *account->name && !account->is_nobody;
	record->has_auth = !*account->name;
	if (record->is_named)
		strcpy(record->name, account->name);
	if (record->has_auth)
		memcpy(record->auth, account->auth.bytes, DIGEST_LEN);
}

void
handover_describe_account(
    struct handover_account *record, const struct account *account)
{
	memset(record, 0, sizeof(*record));
	record->size = sizeof(*record);
	describe_user(&record->user, account);
	record->established = atomic_load(&account->established);
	record->sent = atomic_load(&account->sent);
	record->received = atomic_load(&account->received);
	record->seen_at = atomic_load(&account->seen_at);
	for (int i = 0; i < REFUSAL_COUNT; i++)
		record->refused[i] = atomic_load(&account->refused[i]);
}

struct account *
handover_find_account(
    struct accounts *accounts, const struct handover_user *record)
{
	struct acl_user user = { .is_named = record->is_named };

	if (!record->is_named && !record->has_auth)
		return &accounts->nobody;
	memcpy(user.name, record->name, sizeof(user.name));
	memcpy(user.digest.bytes, record->auth, DIGEST_LEN);
	return accounts_restore(accounts, &user);
}

bool
handover_restore_account(
    struct accounts *accounts, const struct handover_account *record)
{
	struct account *account =
	    handover_find_account(accounts, &record->user);

	if (!account)
		return false;
	atomic_fetch_add(&account->established, record->established);
	atomic_fetch_add(&account->sent, record->sent);
	atomic_fetch_add(&account->received, record->received);
	/* What has moved before is no rate of now. */
	account->sampled_sent += record->sent;
	account->sampled_received += record->received;
	atomic_store(&account->seen_at, record->seen_at);
	for (int i = 0; i < REFUSAL_COUNT; i++)
		atomic_fetch_add(&account->refused[i], record->refused[i]);
	return true;
}

static void
describe_flow(struct handover_flow *record, const struct relay *relay,
    enum relay_side side)
{
	const struct relay_flow *flow = &relay->flow[side];

	record->bytes = atomic_load(&relay->bytes[side]);
	record->received = flow->received;
	record->acknowledged = atomic_load(&relay->acknowledged[side]);
	record->piped = (uint32_t)flow->rest.piped;
	record->len = (uint32_t)flow->rest.len;
	record->stage = (uint8_t)flow->stage;
	record->is_over = relay->is_over[side];
	record->finished = atomic_load(&relay->finished[side]);
}

size_t
handover_describe(struct handover_connection *record,
    const struct connection *connection, const struct relay *relay,
    int fds[HANDOVER_MAX_FDS])
{
	const struct connection_facts *facts = &connection->facts;
	size_t count = 0;

	memset(record, 0, sizeof(*record));
	record->size = sizeof(*record);
	describe_user(&record->user, facts->account);
	record->number = facts->number;
	record->peer = facts->peer;
	record->source = facts->source;
	record->source_used = facts->source_used;
	record->destination = facts->destination;
	record->server = connection->server;
	record->has_choice = facts->server.any.sa_family != AF_UNSPEC;
	record->moved_at = atomic_load(&relay->moved_at);
	record->idle_ms = relay->idle_ms;
	record->end = relay->end;
	record->culprit = relay->culprit;
	record->error = relay->error;
	record->has_settled = atomic_load(&relay->has_settled);
	record->ended = atomic_load(&relay->ended);
	record->awaits_answer = relay->answer.is_awaited;
	record->answer_len = relay->answer.len;
	memcpy(record->answer, relay->answer.bytes, sizeof(record->answer));
	fds[count++] = relay->fd[RELAY_DOWNSTREAM];
	fds[count++] = relay->fd[RELAY_UPSTREAM];
	for (int side = 0; side < 2; side++) {
		describe_flow(&record->flow[side], relay, side);
		if (record->flow[side].piped == 0)
			continue;
		fds[count++] = relay->flow[side].rest.pipe[0];
		fds[count++] = relay->flow[side].rest.pipe[1];
	}
	return count;
}

size_t
handover_fd_count(const struct handover_connection *record)
{
	return 2 + 2 * (size_t)(record->flow[0].piped > 0) +
	    2 * (size_t)(record->flow[1].piped > 0);
}

static bool
restore_flow(struct relay *relay, enum relay_side side,
    const struct handover_flow *record, const uint8_t *bytes)
{
	struct relay_flow *flow = &relay->flow[side];

	pump_rest_init(&flow->rest);
	if (record->len > 0 &&
	    !pump_rest_set_bytes(&flow->rest, bytes, record->len))
		return false;
	flow->rest.piped = record->piped;
	flow->stage = (enum relay_stage)record->stage;
	flow->received = record->received;
	relay->bytes[side] = record->bytes;
	relay->acknowledged[side] = record->acknowledged;
	relay->is_over[side] = record->is_over;
	relay->finished[side] = record->finished;
	return true;
}

static void
restore_facts(
    const struct handover_connection *record, struct connection *connection)
{
	struct connection_facts *facts = &connection->facts;

	facts->number = record->number;
	facts->peer = record->peer;
	facts->source = record->source;
	facts->source_used = record->source_used;
	facts->destination = record->destination;
	connection->server = record->server;
	if (record->has_choice)
		facts->server = record->server;
}

int
handover_restore(const struct handover_connection *record,
    const uint8_t *const bytes[2], const int *fds,
    struct connection *connection, struct relay *relay)
{
	if (!restore_flow(relay, 0, &record->flow[0], bytes[0]))
		return -ENOMEM;
	if (!restore_flow(relay, 1, &record->flow[1], bytes[1])) {
		pump_rest_finish(&relay->flow[0].rest);
		return -ENOMEM;
	}
	restore_facts(record, connection);
	connection->downstream_fd = relay->fd[RELAY_DOWNSTREAM] = *fds++;
	connection->upstream_fd = relay->fd[RELAY_UPSTREAM] = *fds++;
	for (int side = 0; side < 2; side++) {
		if (record->flow[side].piped == 0)
			continue;
		relay->flow[side].rest.pipe[0] = *fds++;
		relay->flow[side].rest.pipe[1] = *fds++;
	}
	relay->moved_at = record->moved_at;
	relay->idle_ms = record->idle_ms;
	relay->end = (enum relay_end)record->end;
	relay->culprit = (enum relay_side)record->culprit;
	relay->error = record->error;
	relay->has_settled = record->has_settled;
	relay->ended = record->ended;
	relay->answer.is_awaited = record->awaits_answer;
	relay->answer.len = record->answer_len;
	memcpy(relay->answer.bytes, record->answer, sizeof(record->answer));
	return 0;
}

/* Copies a record of at least min bytes; the rest of it becomes 0. */
static bool
read_record(
    const uint8_t **data, size_t *len, void *record, size_t size, size_t min)
{
	uint32_t given;

	memset(record, 0, size);
	if (*len < sizeof(given))
		return false;
	memcpy(&given, *data, sizeof(given));
	if (given < min || given > size || given > *len)
		return false;
	memcpy(record, *data, given);
	*data += given;
	*len -= given;
	return true;
}

bool
handover_read_hello(
    const uint8_t *data, size_t len, struct handover_hello *hello)
{
	return read_record(
		   &data, &len, hello, sizeof(*hello), sizeof(*hello)) &&
	    hello->is_server <= 1 && hello->are_adopted <= 1 &&
	    hello->has_pidfile <= 1 && hello->has_status <= 1;
}

bool
handover_read_go(const uint8_t *data, size_t len, struct handover_go *go)
{
	return read_record(&data, &len, go, sizeof(*go), sizeof(*go)) &&
	    go->has_pidfile <= 1;
}

static bool
is_user(const struct handover_user *user)
{
	return user->is_named <= 1 && user->has_auth <= 1 &&
	    user->is_named + user->has_auth <= 1 &&
	    memchr(user->name, '\0', sizeof(user->name)) &&
	    (*user->name != '\0') == user->is_named;
}

bool
handover_read_account(
    const uint8_t **data, size_t *len, struct handover_account *record)
{
	return read_record(
		   data, len, record, sizeof(*record), ACCOUNT_MIN_SIZE) &&
	    is_user(&record->user);
}

static bool
is_flow(const struct handover_flow *flow)
{
	uint64_t in_hand = (uint64_t)flow->piped + flow->len;

	return flow->stage < RELAY_STAGE_COUNT && flow->is_over <= 1 &&
	    flow->finished <= 1 && flow->len <= PUMP_PIECE_LEN &&
	    (flow->piped == 0 || flow->len == 0) && in_hand <= flow->received &&
	    (in_hand == 0 || flow->stage == RELAY_COPYING);
}

static bool
is_address(const union address *address, bool is_needed)
{
	int family = address->any.sa_family;

	return family == AF_INET || family == AF_INET6 ||
	    (family == AF_UNSPEC && !is_needed);
}

static bool
is_connection(const struct handover_connection *record)
{
	return is_user(&record->user) && is_flow(&record->flow[0]) &&
	    is_flow(&record->flow[1]) && is_address(&record->peer, true) &&
	    is_address(&record->source, true) &&
	    is_address(&record->source_used, true) &&
	    is_address(&record->destination, true) &&
	    is_address(&record->server, false) && record->end <= RELAY_IDLE &&
	    record->culprit <= 1 && record->has_settled <= 1 &&
	    record->ended <= 1 && record->is_new <= 1 &&
	    record->has_choice <= 1 && record->idle_ms >= 0 &&
	    record->awaits_answer <= 1 &&
	    record->answer_len <= RELAY_ANSWER_MAX_LEN - record->awaits_answer;
}

bool
handover_read_connection(const uint8_t **data, size_t *len,
    struct handover_connection *record, const uint8_t *bytes[2])
{
	if (!read_record(
		data, len, record, sizeof(*record), CONNECTION_MIN_SIZE) ||
	    !is_connection(record))
		return false;
	for (int side = 0; side < 2; side++) {
		if (record->flow[side].len > *len)
			return false;
		bytes[side] = *data;
		*data += record->flow[side].len;
		*len -= record->flow[side].len;
	}
	return true;
}

bool
handover_read_version(
    const uint8_t **data, size_t *len, struct handover_version *record)
{
	return read_record(
		   data, len, record, sizeof(*record), sizeof(*record)) &&
	    (record->version == 1 || record->version == 2) &&
	    is_address(&record->server, true);
}
