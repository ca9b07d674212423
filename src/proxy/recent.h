#ifndef PROXY_RECENT_H
#define PROXY_RECENT_H

/*
 * What status shows of the latest events: refusals and their reasons, and the
 * other halves. Any thread may call these functions.
 */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/accounts.h"
#include "proxy/role.h"

#define RECENT_REFUSALS 10
#define RECENT_COUNTERPARTS 32

struct recent_refusal {
	int64_t at; /* seconds since 1970 */
	uint64_t number;
	char user[ACCOUNT_STRLEN];
	union address peer, source, destination;
	char tried[96], reason[160]; /* as in the log */
};

/*
 * Another half: a gate that sent requests of users to a server half, or a server
 * that a client half sent them to.
 */
struct recent_counterpart {
	union address address;
	uint64_t requests;
	int64_t last_at; /* seconds since 1970 */
};

struct recent {
	pthread_mutex_t lock;
	struct recent_refusal refusals[RECENT_REFUSALS]; /* a ring */
	uint64_t refusal_count;                          /* since the start */
	/* The latest one first. */
	struct recent_counterpart counterparts[RECENT_COUNTERPARTS];
	size_t counterpart_count;
};

void recent_init(struct recent *recent);

/* Copies tried and reason, cut to the size of the fields. */
void recent_note_refusal(struct recent *recent,
    const struct connection *connection, const char *tried, const char *reason);

/* A request of a user came from there, or went there. */
void recent_note_counterpart(
    struct recent *recent, const union address *address);

/* The latest one first. Return how many of the copies are filled in. */
size_t recent_copy_refusals(
    struct recent *recent, struct recent_refusal copies[RECENT_REFUSALS]);
size_t recent_copy_counterparts(struct recent *recent,
    struct recent_counterpart copies[RECENT_COUNTERPARTS]);

#endif
