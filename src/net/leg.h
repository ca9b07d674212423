#ifndef NET_LEG_H
#define NET_LEG_H

/* How TCP is to be on the leg between the halves; both have it. */

#include <stdbool.h>

#include "net/congestion.h"

struct leg {
	bool fast_open;
	char congestion[CONGESTION_MAX_LEN + 1]; /* "": the host's choice */
};

#endif
