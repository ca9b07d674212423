#ifndef DOCTOR_TEST_REQUEST_H
#define DOCTOR_TEST_REQUEST_H

/*
 * Sends a request to the server half, as the client half does for a user. The
 * request asks for a connection to this host; the test watches for it.
 */

#include "config/config.h"
#include "proxy/client_answer.h"

enum test_request_result {
	TEST_REQUEST_ARRIVED, /* a packet from the user's address came here */
	TEST_REQUEST_TAKEN,   /* not refused, but no packet was seen */
	TEST_REQUEST_REFUSED, /* the server half reset or ended it */
	TEST_REQUEST_DENIED,  /* the server half said why */
	TEST_REQUEST_OLD,     /* the same with a check of version 2 */
	TEST_REQUEST_SILENT,  /* nothing answered a check of version 2 */
	TEST_REQUEST_STRANGE, /* the peer sent data: no server half */
};

/*
 * Connects to one address of the server as the client half does. Returns a
 * descriptor, or a negative errno and what was tried.
 */
int test_request_connect(const struct config *config,
    const union address *server, const char **tried);

/* A test, for that user's address and any port. */
struct test_request {
	const struct config *config;
	const union address *server;
	union address user;
	int packet_fd; /* of capture_open(), or -1 */
	/*
	 * What users' connections speak; 0: not known. Keep both for the next
	 * test.
	 */
	uint8_t version;
	bool is_silent; /* nothing answered the check that asked for it */

	union address destination; /* becomes this host's, which is asked for */
	/* TEST_REQUEST_DENIED: what the server half said. */
	uint8_t answer[CLIENT_ANSWER_MAX_LEN];
	size_t answer_len;
	bool has_ended; /* TEST_REQUEST_REFUSED, _OLD: by no reset */
	/* Of a negative errno: the step of connecting again; NULL: no such. */
	const char *tried;
};

/* How long an answer is awaited. */
#define TEST_REQUEST_ANSWER_S 2

/*
 * fd: of test_request_connect(). Sends the request on it; or first a check of
 * version 2, and then the request on a connection of its own. Returns a
 * test_request_result or a negative errno: -EADDRNOTAVAIL if this host has no
 * address of that family.
 */
int test_request_run(struct test_request *test, int fd);

#endif
