#ifndef PROXY_LAST_REFUSALS_H
#define PROXY_LAST_REFUSALS_H

/* The latest refusals and their reasons. Any thread may call these functions. */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/accounts.h"
#include "proxy/role.h"

#define LAST_REFUSALS_MAX 10

struct last_refusal {
	int64_t at; /* seconds since 1970 */
	uint64_t number;
	char user[ACCOUNT_STRLEN];
	union address peer, source, destination;
	char tried[96], reason[160]; /* as in the log */
};

struct last_refusals {
	pthread_mutex_t lock;
	struct last_refusal ring[LAST_REFUSALS_MAX];
	uint64_t count; /* since the start */
};

void last_refusals_init(struct last_refusals *refusals);

/* Copies tried and reason, cut to the size of the fields. */
void last_refusals_note(struct last_refusals *refusals,
    const struct connection *connection, const char *tried, const char *reason);

/* The latest one first. Returns how many of the copies are filled in. */
size_t last_refusals_copy(struct last_refusals *refusals,
    struct last_refusal copies[LAST_REFUSALS_MAX]);

#endif
