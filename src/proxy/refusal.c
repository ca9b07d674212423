#include "proxy/refusal.h"

#include <errno.h>

enum refusal
refusal_of(int error)
{
	switch (error) {
	case -ENOMSG:
		return REFUSAL_INCOMPLETE;
	case -EPROTO:
	case -ELOOP:
		return REFUSAL_MALFORMED;
	case -EACCES:
		return REFUSAL_DENIED;
	case -EDQUOT:
		return REFUSAL_LIMITED;
	case -ENOTUNIQ:
		return REFUSAL_OWN_SOURCE;
	case -EADDRINUSE:
	case -EADDRNOTAVAIL:
		return REFUSAL_NO_SOURCE;
	case -ECONNREFUSED:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -ETIMEDOUT:
		return REFUSAL_UNREACHABLE;
	case -ECONNABORTED:
	case -ECONNRESET:
		return REFUSAL_GONE;
	case -EALREADY:
		return REFUSAL_REPLAY;
	case -ETIME:
		return REFUSAL_CLOCK;
	default:
		return REFUSAL_OTHER;
	}
}

const char *
refusal_name(enum refusal refusal)
{
	static const char *const names[REFUSAL_COUNT] = {
		[REFUSAL_INCOMPLETE] = "incomplete",
		[REFUSAL_MALFORMED] = "malformed",
		[REFUSAL_DENIED] = "denied",
		[REFUSAL_LIMITED] = "limited",
		[REFUSAL_OWN_SOURCE] = "own_source",
		[REFUSAL_NO_SOURCE] = "no_source",
		[REFUSAL_UNREACHABLE] = "unreachable",
		[REFUSAL_GONE] = "gone",
		[REFUSAL_OTHER] = "other",
		[REFUSAL_REPLAY] = "replay",
		[REFUSAL_CLOCK] = "clock",
	};

	return names[refusal];
}
