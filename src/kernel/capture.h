#ifndef KERNEL_CAPTURE_H
#define KERNEL_CAPTURE_H

/*
 * TCP segments that open or refuse connections, and other hosts' questions
 * about neighbours (ARP, neighbour solicitations), captured on all links.
 * Incoming segments are seen before the firewall or source validation can drop
 * them, outgoing ones after they have left. Only root can open a packet(7)
 * socket.
 */

#include <stdbool.h>

#include "net/address.h"

/* Returns a descriptor that captures nothing yet, or -1. */
int capture_open(void);

/*
 * Starts capturing. Returns fd, or -1 if nothing can be captured; the caller
 * still owns fd then.
 */
int capture_begin(int fd);

#define CAPTURE_MAX_LEN 128

/*
 * Reads the beginning of the next segment or question, and the index of its
 * link. Returns its length, 0: none.
 */
size_t capture_next(
    int fd, uint8_t packet[CAPTURE_MAX_LEN], uint32_t *interface);

/*
 * Reads the ends of the next IPv4 segment that came in, or the sender of an ARP
 * message (to is AF_UNSPEC then), and the index of the link. Returns false if
 * there is none.
 */
bool capture_next_arrival(
    int fd, union address *from, union address *to, uint32_t *interface);

/*
 * True if a segment from and to these addresses was captured. A port of 0
 * matches any. The call consumes that segment and those before it.
 */
bool capture_have(int fd, const union address *from, const union address *to);

/*
 * True if the IP packet, from its header on, is a segment from and to these
 * addresses.
 */
bool capture_is_segment(const uint8_t *packet, size_t len,
    const union address *from, const union address *to);

/* True if the packet asks which host has this address. */
bool capture_is_question(
    const uint8_t *packet, size_t len, const union address *about);

#endif
