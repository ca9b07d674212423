#ifndef DOCTOR_TEST_REQUEST_H
#define DOCTOR_TEST_REQUEST_H

/*
 * Sends a request to the server half, as the client half does for a user. The
 * request asks for a connection to this host; the test watches for it.
 */

#include "config/config.h"

enum test_request_result {
	TEST_REQUEST_ARRIVED, /* a packet from the user's address came here */
	TEST_REQUEST_TAKEN,   /* not refused, but no packet was seen */
	TEST_REQUEST_REFUSED, /* the server half reset or ended it */
	TEST_REQUEST_STRANGE, /* the peer sent data: no server half */
};

/*
 * Connects to one address of the server as the client half does. Returns a
 * descriptor, or a negative errno and what was tried.
 */
int test_request_connect(const struct config *config,
    const union address *server, const char **tried);

/*
 * packet_fd: of capture_open(), or -1. Sends the request on fd, for that user's
 * address and any port. *destination becomes the address of this host that it
 * asks for. Returns a test_request_result or a negative errno: -EADDRNOTAVAIL
 * if this host has no address of that family.
 */
int test_request_run(const struct config *config, int packet_fd, int fd,
    const union address *user, union address *destination);

#endif
