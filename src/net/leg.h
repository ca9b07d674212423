#ifndef NET_LEG_H
#define NET_LEG_H

/* How TCP is to be on the leg between the halves; both have it. */

#include <stdbool.h>

#include "net/congestion.h"
#include "net/local_bind.h"

struct leg {
	bool fast_open;
	char congestion[CONGESTION_MAX_LEN + 1]; /* "": the host's choice */
};

/*
 * Connects to a server half, to look at it: not for a user, and without what
 * struct leg says. Returns a descriptor; or a negative errno, and *tried names
 * the step that failed.
 */
int leg_connect(const union address *server,
    const struct local_bind *local_bind, int64_t wait_ms, const char **tried);

#endif
