#ifndef PROXY_REFUSAL_H
#define PROXY_REFUSAL_H

/*
 * The kinds of reasons why a connection is refused. Add others at the end:
 * proxy/handover_record.h has an array of them.
 */

enum refusal {
	REFUSAL_INCOMPLETE,  /* the request did not arrive, or not completely */
	REFUSAL_MALFORMED,   /* the request makes no sense */
	REFUSAL_DENIED,      /* by the ACL, or a rule of the host */
	REFUSAL_LIMITED,     /* the user has as many as max_connections */
	REFUSAL_OWN_SOURCE,  /* the source is this host's own address */
	REFUSAL_NO_SOURCE,   /* the source or its port cannot be used */
	REFUSAL_UNREACHABLE, /* the destination does not answer, or refuses */
	REFUSAL_GONE,        /* the peer left before we were connected */
	REFUSAL_OTHER,       /* for example, no descriptors left */
	REFUSAL_REPLAY,      /* the request was seen before */
	REFUSAL_CLOCK,       /* the clocks of the halves differ too much */
	REFUSAL_COUNT,
};

/* error: the negative errno that dial() returned (role.h). */
enum refusal refusal_of(int error);

/* For the log: "no_source". */
const char *refusal_name(enum refusal refusal);

#endif
