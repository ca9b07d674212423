#ifndef PROXY_CLIENT_ATTEMPT_H
#define PROXY_CLIENT_ATTEMPT_H

/*
 * One attempt of the client half to connect to connection->server, and the bytes
 * that it sends first. client_connect.c decides which addresses are tried, and
 * when. Functions that can fail return as dial() of role.h does.
 */

#include "proxy/protocol.h"
#include "proxy/role.h"

/*
 * With the request this fits into a SYN. Most first messages of users are
 * shorter.
 */
#define CLIENT_ATTEMPT_EARLY_LEN 1024

/*
 * What opens a connection to the server: the request, and the user's first
 * bytes, all in one segment, which the server half reads with one call.
 */
struct client_opening {
	uint8_t version;
	size_t len;
	uint8_t data[PROTOCOL_REQUEST_MAX_LEN + CLIENT_ATTEMPT_EARLY_LEN];
};

/* connection->tried while it connects. */
extern const char client_attempt_connecting[];

/* Call it right before the request is sent, as version 2 says when that was. */
void client_attempt_write_request(const struct connection *connection,
    const union address *server, struct client_opening *opening);

/* Returns a descriptor that is ready to connect. */
int client_attempt_open(struct connection *connection);

/* Sends the request on fd, which is connected, and the user's first bytes. */
int client_attempt_send(struct connection *connection, int fd);

/* The same if the server has the request already, which is of that version. */
int client_attempt_send_early(
    struct connection *connection, uint8_t version, int fd);

/*
 * Connects fd and sends all of that, for the only address that is left to try.
 * The SYN may carry the request and the user's first bytes.
 */
int client_attempt_alone(
    struct connection *connection, int fd, int64_t deadline);

#endif
