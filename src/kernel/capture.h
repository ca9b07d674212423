#ifndef KERNEL_CAPTURE_H
#define KERNEL_CAPTURE_H

/*
 * TCP segments that begin or refuse connections, as they are on this host's
 * links: those that come in, before the firewall or the validation of sources
 * drops them, and those that have left. packet(7): only root may see them.
 */

#include <stdbool.h>

#include "net/address.h"

/* Returns a descriptor that nothing comes to yet, or -1. */
int capture_open(void);

/* Sees what is there from now on. Returns fd, or -1, with which nothing is. */
int capture_begin(int fd);

#define PACKETS_MAX_LEN 128

/* The beginning of the next one that was there. Returns its length, 0: none. */
size_t packets_next(int fd, uint8_t packet[PACKETS_MAX_LEN]);

/*
 * Whether one of these has been there. A port of 0 is any. Those before it are
 * not there any more for the next call.
 */
bool capture_have(int fd, const union address *from, const union address *to);

/* Whether that is one of these: an IP packet, from its header on. */
bool capture_is_segment(const uint8_t *packet, size_t len,
    const union address *from, const union address *to);

#endif
