#ifndef NET_NETLINK_H
#define NET_NETLINK_H

/* Questions to the kernel and their answers: netlink(7). */

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_MAX_LEN 2048

/* The header, the family's own struct behind it, then attributes. */
union netlink_message {
	struct nlmsghdr header;
	uint8_t bytes[NETLINK_MAX_LEN];
};

/*
 * family_len: the length of the struct behind the header. Returns that struct,
 * zeroed.
 */
void *netlink_begin(
    union netlink_message *message, uint16_t type, size_t family_len);

/* The caller adds few and short attributes: there is always room. */
void netlink_add(union netlink_message *message, uint16_t type,
    const void *data, size_t len);

/* Attributes added between these two calls go into the nest. */
struct nlattr *netlink_nest(union netlink_message *message, uint16_t type);
void netlink_end_nest(union netlink_message *message, struct nlattr *nest);

/*
 * False if AF_NETLINK sockets are not permitted, as in a systemd unit with
 * RestrictAddressFamilies=. The functions below then return -EAFNOSUPPORT.
 */
bool netlink_is_permitted(void);

/*
 * protocol: NETLINK_ROUTE and the like. Returns 0 and an answer of the wanted
 * type, or a negative errno.
 */
int netlink_ask(int protocol, const union netlink_message *question,
    uint16_t wanted, union netlink_message *answer);

/* Called with each of several answers. */
typedef void netlink_visit(const union netlink_message *answer, void *context);

/*
 * Asks for all objects of a kind (a dump) and visits each answer of the wanted
 * type. Returns 0 or a negative errno. The question then has NLM_F_DUMP_INTR if
 * the objects changed between two parts of the answer: some may be missing.
 */
int netlink_ask_all(int protocol, union netlink_message *question,
    uint16_t wanted, netlink_visit *visit, void *context);

/*
 * A part of a message that consists of attributes. data is NULL for an
 * attribute that is missing or shorter than least.
 */
struct netlink_part {
	const uint8_t *data;
	size_t len;
};

struct netlink_part netlink_attributes(
    const union netlink_message *answer, size_t family_len);
/* Takes the first one off; false if there is none. */
bool netlink_take(struct netlink_part *attributes, uint16_t *type,
    struct netlink_part *attribute);
struct netlink_part netlink_find(
    struct netlink_part attributes, uint16_t type, size_t least);

#endif
