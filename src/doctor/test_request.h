#ifndef DOCTOR_TEST_REQUEST_H
#define DOCTOR_TEST_REQUEST_H

/*
 * A request of the client half to the server half, as for a user: it asks for
 * a connection to this host itself, and looks whether that comes.
 */

#include "config/config.h"

enum test_request_result {
	TEST_REQUEST_ARRIVED, /* a packet from the user's address came here */
	TEST_REQUEST_TAKEN,   /* the server half is at it; no packet was seen */
	TEST_REQUEST_REFUSED, /* reset, or ended, by the server half */
	TEST_REQUEST_STRANGE, /* that is no server half: it spoke */
};

/*
 * Connects to one address of the server as the client half does. Returns a
 * descriptor, or a negative errno and what was tried.
 */
int test_request_connect(const struct config *config,
    const union address *server, const char **tried);

/*
 * packet_fd: of packets_open(), or -1. Sends the request on fd, for that user's address and any port. *destination
 * becomes the address of this host that it asks for. Returns a trial_result or
 * a negative errno: -EADDRNOTAVAIL where this host has no address of that
 * family.
 */
int test_request_run(const struct config *config, int packet_fd, int fd,
    const union address *user, union address *destination);

#endif
