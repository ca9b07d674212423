#include "net/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel's limit for one part of an answer. */
#define DUMP_MAX_LEN 32768

static uint8_t *
end_of(union netlink_message *message)
{
	return message->bytes + NLMSG_ALIGN(message->header.nlmsg_len);
}

void *
netlink_begin(union netlink_message *message, uint16_t type, size_t family_len)
{
	memset(message, 0, sizeof(*message));
	message->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(family_len);
	message->header.nlmsg_type = type;
	message->header.nlmsg_flags = NLM_F_REQUEST;
	return message->bytes + NLMSG_HDRLEN;
}

void
netlink_add(
    union netlink_message *message, uint16_t type, const void *data, size_t len)
{
	struct nlattr attribute = {
		.nla_len = (uint16_t)(NLA_HDRLEN + len),
		.nla_type = type,
	};
	uint8_t *end = end_of(message);

	memcpy(end, &attribute, sizeof(attribute));
	memcpy(end + NLA_HDRLEN, data, len);
	message->header.nlmsg_len =
	    (uint32_t)(end - message->bytes + NLA_ALIGN(NLA_HDRLEN + len));
}

struct nlattr *
netlink_nest(union netlink_message *message, uint16_t type)
{
	struct nlattr *nest = (void *)end_of(message);

	netlink_add(message, type | NLA_F_NESTED, "", 0);
	return nest;
}

void
netlink_end_nest(union netlink_message *message, struct nlattr *nest)
{
	nest->nla_len = (uint16_t)(end_of(message) - (uint8_t *)nest);
}

static int
check_answer(const union netlink_message *answer, ssize_t len, uint16_t wanted)
{
	const struct nlmsghdr *header = &answer->header;
	const struct nlmsgerr *refusal = NLMSG_DATA(header);

	if (len < (ssize_t)NLMSG_HDRLEN || header->nlmsg_len > (size_t)len)
		return -EPROTO;
	if (header->nlmsg_type == NLMSG_ERROR &&
	    len >= (ssize_t)NLMSG_LENGTH(sizeof(*refusal)) && refusal->error)
		return refusal->error;
	return header->nlmsg_type == wanted ? 0 : -EPROTO;
}

bool
netlink_is_permitted(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return errno != EAFNOSUPPORT;
	close(fd);
	return true;
}

static int
send_question(int fd, const union netlink_message *question)
{
	ssize_t len;

	do {
		len = send(fd, question, question->header.nlmsg_len, 0);
	} while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : 0;
}

/*
 * Returns the length or a negative errno. Never waits: the answer is queued
 * already.
 */
static ssize_t
receive(int fd, void *data, size_t size)
{
	ssize_t len;

	do {
		len = recv(fd, data, size, MSG_DONTWAIT);
	} while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : len;
}

/* The kernel has queued its answer when send(2) returns. */
int
netlink_ask(int protocol, const union netlink_message *question,
    uint16_t wanted, union netlink_message *answer)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = send_question(fd, question);
	if (len == 0)
		len = receive(fd, answer, sizeof(*answer));
	close(fd);
	return len < 0 ? (int)len : check_answer(answer, len, wanted);
}

/* The error in the last message, or 0. */
static int
read_end(const uint8_t *data, const struct nlmsghdr *header)
{
	int error = 0;

	/* Both NLMSG_DONE and struct nlmsgerr begin with the error. */
	if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
		memcpy(&error, data + NLMSG_HDRLEN, sizeof(error));
	return error < 0 ? error : 0;
}

/*
 * Returns 1 if more answers follow, 0 after the last one, or a negative errno.
 * Adds the answers' flags to *flags.
 */
static int
visit_each(const uint8_t *data, size_t len, uint16_t wanted, uint16_t *flags,
    netlink_visit *visit, void *context)
{
	union netlink_message answer;
	const struct nlmsghdr *header = &answer.header;

	while (len >= NLMSG_HDRLEN) {
		size_t padded;

		memcpy(&answer.header, data, sizeof(answer.header));
		padded = NLMSG_ALIGN((size_t)header->nlmsg_len);
		if (header->nlmsg_len < NLMSG_HDRLEN || padded > len)
			return -EPROTO;
		*flags |= header->nlmsg_flags;
		if (header->nlmsg_type == NLMSG_DONE ||
		    header->nlmsg_type == NLMSG_ERROR)
			return read_end(data, header);
		if (header->nlmsg_type == wanted &&
		    header->nlmsg_len <= sizeof(answer)) {
			memcpy(&answer, data, header->nlmsg_len);
			visit(&answer, context);
		}
		data += padded;
		len -= padded;
	}
	return 1;
}

/* The kernel queues further answers as we read. */
int
netlink_ask_all(int protocol, union netlink_message *question, uint16_t wanted,
    netlink_visit *visit, void *context)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	uint8_t data[DUMP_MAX_LEN];
	uint16_t flags = 0;
	ssize_t len;
	int more;

	if (fd < 0)
		return -errno;
	question->header.nlmsg_flags |= NLM_F_DUMP;
	len = send_question(fd, question);
	more = len < 0 ? (int)len : 1;
	while (more > 0) {
		len = receive(fd, data, sizeof(data));
		more = len < 0 ? (int)len
			       : visit_each(data, (size_t)len, wanted, &flags,
				     visit, context);
	}
	close(fd);
	question->header.nlmsg_flags |= flags & NLM_F_DUMP_INTR;
	return more;
}

struct netlink_part
netlink_attributes(const union netlink_message *answer, size_t family_len)
{
	size_t start = NLMSG_ALIGN(NLMSG_LENGTH(family_len));
	size_t len = answer->header.nlmsg_len;

	return (struct netlink_part){
		.data = answer->bytes + start,
		.len = len > start ? len - start : 0,
	};
}

bool
netlink_take(struct netlink_part *attributes, uint16_t *type,
    struct netlink_part *attribute)
{
	struct nlattr header;
	size_t padded;

	if (attributes->len < NLA_HDRLEN)
		return false;
	memcpy(&header, attributes->data, sizeof(header));
	if (header.nla_len < NLA_HDRLEN || header.nla_len > attributes->len)
		return false;
	*type = header.nla_type & NLA_TYPE_MASK;
	attribute->data = attributes->data + NLA_HDRLEN;
	attribute->len = header.nla_len - (size_t)NLA_HDRLEN;
	padded = NLA_ALIGN((size_t)header.nla_len);
	padded = padded < attributes->len ? padded : attributes->len;
	attributes->data += padded;
	attributes->len -= padded;
	return true;
}

struct netlink_part
netlink_find(struct netlink_part attributes, uint16_t type, size_t least)
{
	struct netlink_part attribute;
	uint16_t found;

	while (netlink_take(&attributes, &found, &attribute)) {
		if (found == type && attribute.len >= least)
			return attribute;
	}
	return (struct netlink_part){ .data = NULL };
}
