#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

/*
 * A configuration file, read and checked. It never changes. A thread may read
 * it as long as it holds a reference.
 */

#include <stdatomic.h>
#include <stdbool.h>

#include "base/log.h"
#include "config/acl.h"
#include "net/endpoint.h"
#include "net/leg.h"
#include "net/local_bind.h"
#include "net/mark.h"
#include "net/prefix_list.h"

enum config_kind {
	CONFIG_CLIENT,
	CONFIG_SERVER,
};

/* How the firewall brings the users' connections to the client half. */
enum inbound_mode {
	INBOUND_REDIRECT,
	INBOUND_TPROXY,
};

/*
 * The firewall mark of packets that TPROXY gives to the client: bits of our
 * own, so that the marks of others keep theirs. Several bits, so that the mark
 * of another program which contains them is unlikely.
 */
#define INBOUND_MARK 0x52000000U
#define INBOUND_MASK 0x7f000000U

/* The source port of a connection to the destination. */
enum source_port {
	SOURCE_PORT_PREFER, /* the user's; another one if that is taken */
	SOURCE_PORT_STRICT, /* the user's; otherwise the connection fails */
	SOURCE_PORT_ANY,    /* the kernel chooses */
};

/* The versions of the protocol between the halves. */
enum protocol_choice {
	PROTOCOL_AUTO, /* server half: both; client half: as the server does */
	PROTOCOL_ONLY_1,
	PROTOCOL_ONLY_2,
};

/* As unix(7) has it, with the NUL. */
#define CONFIG_STATUS_PATH_LEN 108

struct config {
	atomic_size_t references;
	enum config_kind kind;
	struct endpoint listen;
	int64_t timeout_ms; /* to connect, and idle; 0: no limit */
	int64_t drain_ms;   /* for connections to end at exit; 0: no limit */
	enum log_level log_level;
	size_t max_connections; /* 0: what the host's limits allow */
	enum protocol_choice protocol;
	struct leg leg;
	char status_path[CONFIG_STATUS_PATH_LEN]; /* absolute; "": no socket */
	bool is_status_path_set; /* by the file; false: the default */

	/* CONFIG_SERVER */
	struct acl acl;
	enum source_port source_port;
	int64_t handshake_ms;    /* for the whole request; 0: no limit */
	struct mark return_mark; /* of reply packets, set by rules */

	/* CONFIG_CLIENT */
	enum inbound_mode mode;
	struct prefix_list users;      /* empty: everybody who is redirected */
	struct prefix_list exceptions; /* from users */
	struct target_list bypass;     /* destinations left alone by rules */
	struct endpoint_list servers;  /* in the order of preference */
	struct digest auth;
	struct protocol_key protocol_key; /* of the same secret */
	struct local_bind local_bind;
};

/*
 * Takes one problem: "file:line:column: key path: what is wrong", or "file:
 * what is wrong" if it is about the file as a whole, without newline. A warning
 * has fatal false and "warning: " in its text. A file with warnings only is
 * used. exposure.h has most of the warnings.
 */
typedef void config_report(bool fatal, const char *problem);

/*
 * Reads the file and reports all problems. Returns NULL if one was fatal,
 * otherwise a reference that the caller gives back with config_unref().
 */
struct config *config_load(
    const char *path, enum config_kind kind, config_report *report);

/* Whether inbound.users has that source, and no exception does. */
bool config_has_user(const struct config *config, const union address *source);

/* Returns config with one more reference. */
struct config *config_ref(const struct config *config);

/* Gives a reference back. The last one frees config. NULL is fine. */
void config_unref(struct config *config);

#endif
