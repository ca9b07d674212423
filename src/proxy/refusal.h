#ifndef PROXY_REFUSAL_H
#define PROXY_REFUSAL_H

/* The kinds of reasons for which a connection comes to nothing. */

enum refusal {
	REFUSAL_INCOMPLETE,  /* no whole request came */
	REFUSAL_MALFORMED,   /* what was asked for makes no sense */
	REFUSAL_DENIED,      /* by the ACL, or a rule of the host */
	REFUSAL_LIMITED,     /* the user has as many as max_connections */
	REFUSAL_OWN_SOURCE,  /* the source is this host's own address */
	REFUSAL_NO_SOURCE,   /* the source or its port cannot be had */
	REFUSAL_UNREACHABLE, /* nobody answers there, or it is refused */
	REFUSAL_GONE,        /* who asked for it did not wait */
	REFUSAL_OTHER,       /* such as no descriptors left */
	REFUSAL_COUNT,
};

/* error: negative, as roles return it (role.h). */
enum refusal refusal_of(int error);

/* For the log: "no_source". */
const char *refusal_name(enum refusal refusal);

#endif
