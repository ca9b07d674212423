#ifndef PROXY_HANDOVER_RECORD_H
#define PROXY_HANDOVER_RECORD_H

/*
 * What one process tells another one of a connection, an account or a server when
 * it hands them over. Records are structs of the same host's layout, each with its
 * length in front. A later version only adds fields at the end and raises
 * HANDOVER_MINOR: it reads a shorter record, whose missing fields are 0. Any
 * other change raises HANDOVER_MAJOR. A longer record is refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "proxy/accounts.h"
#include "proxy/role.h"
#include "relay/relay.h"

#define HANDOVER_MAJOR 1
#define HANDOVER_MINOR 2

/*
 * The messages (base/passing.h). After "replace MAJOR MINOR" on the status socket
 * the old process says HELLO or REFUSED, and the new one GO once it is ready to
 * serve. Then the old one gives everything away in rounds. The new one answers
 * each message with RECEIVED, and END with TAKEN.
 *
 * BEGIN brings an eventfd whose counter is 1. Whoever reads it owns all that
 * the round has brought: the new process at END, or when the old one has died;
 * the old one when something went wrong. So there is one owner, whichever of the
 * two dies, and whenever.
 */
enum handover_kind {
	HANDOVER_HELLO = 1,   /* struct handover_hello, its descriptors */
	HANDOVER_REFUSED,     /* why, without a NUL */
	HANDOVER_GO,          /* struct handover_go */
	HANDOVER_BEGIN,       /* the eventfd, and entered as of now, 64 bits */
	HANDOVER_ACCOUNTS,    /* records */
	HANDOVER_CONNECTIONS, /* records, each with its bytes; descriptors */
	HANDOVER_END,
	HANDOVER_RECEIVED,
	HANDOVER_TAKEN,
	HANDOVER_REPLAY,   /* struct replay_record, its tags; since 1.2 */
	HANDOVER_VERSIONS, /* records; since 1.2 */
};

/*
 * The descriptors are the status socket, the listeners and the pidfile, where
 * there are any. The first two go into the service manager's store only if the
 * manager does not have them, and the pidfile never does.
 */
struct handover_hello {
	uint32_t size; /* of this record, as of all others */
	uint8_t is_server, are_adopted, has_pidfile, has_status;
	uint32_t listener_count;
	uint64_t entered; /* the last number of a connection */
	uint64_t connections;
};

struct handover_go {
	uint32_t size;
	uint8_t has_pidfile; /* the new process has that pidfile, too */
	uint8_t unused[3];
};

/* Two sockets, and the two ends of a pipe each way. */
#define HANDOVER_MAX_FDS 6

/* Which account: by name, by auth, or neither: the account of nobody. */
struct handover_user {
	uint8_t is_named, has_auth;
	char name[ACL_NAME_MAX_LEN + 1];
	uint8_t auth[DIGEST_LEN];
};

struct handover_account {
	uint32_t size; /* of this record */
	struct handover_user user;
	uint64_t established, sent, received;
	int64_t seen_at;
	uint64_t refused[REFUSAL_COUNT];
};

/* One direction, by the side that it comes from. */
struct handover_flow {
	uint64_t bytes, received, acknowledged;
	uint32_t piped; /* > 0: the two ends of a pipe follow the sockets */
	uint32_t len;   /* so many bytes follow the record */
	uint8_t stage, is_over, finished, unused;
};

struct handover_connection {
	uint32_t size; /* of this record */
	struct handover_user user;
	uint64_t number;
	union address peer, source, source_used, destination, server;
	int64_t began, moved_at; /* monotonic clock, milliseconds */
	int64_t idle_ms;
	uint32_t end, culprit;
	int32_t error;
	uint8_t has_settled, ended;
	uint8_t is_new;     /* its account has not counted it yet */
	uint8_t has_choice; /* server was chosen among several */
	struct handover_flow flow[2];
	/* Since 1.1. */
	uint8_t awaits_answer, answer_len, answer[RELAY_ANSWER_MAX_LEN];
};

/* Which version of the protocol an address speaks (proxy/server_version.h). */
struct handover_version {
	uint32_t size; /* of this record */
	uint32_t version;
	int64_t good_until;
	union address server;
};

/*
 * Describes a relay that is still. Adds its descriptors to fds, the sockets
 * first, and returns how many. The bytes of flow[0] and flow[1] are
 * relay->flow[].rest.bytes.
 */
size_t handover_describe(struct handover_connection *record,
    const struct connection *connection, const struct relay *relay,
    int fds[HANDOVER_MAX_FDS]);

/* The number of descriptors that belong to the record. */
size_t handover_fd_count(const struct handover_connection *record);

/*
 * The inverse: fills in what the record says. The descriptors then belong to
 * connection and relay. Returns 0, or -ENOMEM with nothing taken.
 */
int handover_restore(const struct handover_connection *record,
    const uint8_t *const bytes[2], const int *fds,
    struct connection *connection, struct relay *relay);

void handover_describe_account(
    struct handover_account *record, const struct account *account);

/*
 * Adds the counts to the account's, created if need be. Returns false for want
 * of memory.
 */
bool handover_restore_account(
    struct accounts *accounts, const struct handover_account *record);

/* Returns the account, created if need be; NULL: no memory. */
struct account *handover_find_account(
    struct accounts *accounts, const struct handover_user *record);

bool handover_read_hello(
    const uint8_t *data, size_t len, struct handover_hello *hello);
bool handover_read_go(const uint8_t *data, size_t len, struct handover_go *go);

/*
 * Reads the record at *data, with len bytes left, and moves both behind it and
 * its bytes. Returns false if it is not whole, or makes no sense.
 */
bool handover_read_account(
    const uint8_t **data, size_t *len, struct handover_account *record);
bool handover_read_connection(const uint8_t **data, size_t *len,
    struct handover_connection *record, const uint8_t *bytes[2]);
bool handover_read_version(
    const uint8_t **data, size_t *len, struct handover_version *record);

#endif
