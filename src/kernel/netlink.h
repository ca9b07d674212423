#ifndef KERNEL_NETLINK_H
#define KERNEL_NETLINK_H

/* A question to the kernel, and what it answers: netlink(7). */

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_MAX_LEN 2048

/* The header, what the kind of question has behind it, then attributes. */
union netlink_message {
	struct nlmsghdr header;
	uint8_t bytes[NETLINK_MAX_LEN];
};

/* family_len: of the struct behind the header. Returns it, all zeros. */
void *netlink_begin(
    union netlink_message *message, uint16_t type, size_t family_len);

/* Attributes of the caller's are few and short: there is room for them. */
void netlink_add(union netlink_message *message, uint16_t type,
    const void *data, size_t len);

/* What is added between the two goes into it. */
struct nlattr *netlink_nest(union netlink_message *message, uint16_t type);
void netlink_end_nest(union netlink_message *message, struct nlattr *nest);

/*
 * False where no socket of AF_NETLINK can be had, as in a unit of systemd with
 * RestrictAddressFamilies=: the functions below return -EAFNOSUPPORT then.
 */
bool netlink_is_permitted(void);

/*
 * protocol: NETLINK_ROUTE and the like. Returns 0 and the answer is there, of
 * the type that was wanted, or a negative errno.
 */
int netlink_ask(int protocol, const union netlink_message *question,
    uint16_t wanted, union netlink_message *answer);

/* Is told of one of several answers. */
typedef void netlink_visit(const union netlink_message *answer, void *context);

/*
 * Asks for all that there is of a kind, and has each answer of the type that
 * was wanted visited. Returns 0 or a negative errno.
 */
int netlink_ask_all(int protocol, union netlink_message *question,
    uint16_t wanted, netlink_visit *visit, void *context);

/*
 * A part of a message, made of attributes. An attribute that is not there, or
 * is shorter than least, has a NULL for data.
 */
struct netlink_part {
	const uint8_t *data;
	size_t len;
};

struct netlink_part netlink_attributes(
    const union netlink_message *answer, size_t family_len);
struct netlink_part netlink_find(
    struct netlink_part attributes, uint16_t type, size_t least);

#endif
