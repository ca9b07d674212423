#ifndef PROXY_SERVER_VERSION_H
#define PROXY_SERVER_VERSION_H

/*
 * Which version of the protocol each address of a server speaks. A status byte
 * shows that it speaks version 2; for an hour after one nothing makes the
 * client half send version 1 to that address again. An address that is not
 * known gets version 1, which all speak, while a thread asks it once by a
 * check of version 2, on a connection of its own: a user's connection is never
 * the question. The answer is good for an hour. A reset or an end instead of an
 * answer means version 1. Any other failure tells nothing, and the address is
 * asked again after half a minute. Any thread may call these functions.
 */

#include "config/config.h"

/* The addresses of two configurations, before and after a reload. */
#define SERVER_VERSION_MAX (2 * ENDPOINT_MAX_ADDRESSES)

/* What we know of one address of a server. */
struct server_version {
	union address server;
	uint8_t version;    /* 0: not known */
	int64_t good_until; /* monotonic clock, milliseconds; then ask again */
};

/* The version for a user's connection to that address. May start a thread. */
uint8_t server_version_choose(
    const struct config *config, const union address *server);

/* A status byte came from that address. */
void server_version_answered(const union address *server);

/*
 * Starts the thread, unless the configuration names one version, or the address
 * is known to speak version 2 or is asked already: at start, and at a reload,
 * when the server may have been updated.
 */
void server_version_ask(
    const struct config *config, const union address *server);

/* For a configuration that permits version 1 alone. */
void server_version_forget(void);

/* Returns how many of the copies are filled in. */
size_t server_version_copy(struct server_version copies[SERVER_VERSION_MAX]);

/* Adds what the process before knew, unless this one knows better. */
void server_version_restore(const struct server_version *known);

#endif
