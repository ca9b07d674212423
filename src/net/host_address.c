#include "net/host_address.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "net/netlink.h"

/* How often to ask while the addresses change. */
#define ATTEMPTS 20

struct collection {
	struct prefix_list *list;
	int error;
};

/* On a point-to-point link IFA_ADDRESS is the address of the peer. */
static struct netlink_part
own_part(const union netlink_message *answer, size_t raw_len)
{
	struct netlink_part attributes =
	    netlink_attributes(answer, sizeof(struct ifaddrmsg));
	struct netlink_part own = netlink_find(attributes, IFA_LOCAL, raw_len);

	return own.data ? own : netlink_find(attributes, IFA_ADDRESS, raw_len);
}

/* False if it is no address of either family, or a loopback address. */
static bool
read_address(const union netlink_message *answer, union address *address)
{
	const struct ifaddrmsg *about = NLMSG_DATA(&answer->header);
	size_t raw_len = about->ifa_family == AF_INET ? sizeof(struct in_addr)
						      : sizeof(struct in6_addr);
	struct netlink_part own = own_part(answer, raw_len);

	if ((about->ifa_family != AF_INET && about->ifa_family != AF_INET6) ||
	    !own.data)
		return false;
	address_from_raw(address, own.data, raw_len, 0);
	return !address_is_loopback(address);
}

static void
collect(const union netlink_message *answer, void *context)
{
	struct collection *collection = context;
	struct prefix single;
	size_t raw_len;

	if (collection->error || !read_address(answer, &single.base))
		return;
	address_raw(&single.base, &raw_len);
	single.bit_count = (unsigned)raw_len * 8;
	collection->error = prefix_list_add(collection->list, &single);
}

/* *is_whole: no address came or went meanwhile. */
static int
list_once(int family, struct prefix_list *list, bool *is_whole)
{
	struct collection collection = { .list = list };
	union netlink_message question;
	struct ifaddrmsg *asked =
	    netlink_begin(&question, RTM_GETADDR, sizeof(*asked));
	int error;

	asked->ifa_family = (uint8_t)family;
	error = netlink_ask_all(
	    NETLINK_ROUTE, &question, RTM_NEWADDR, collect, &collection);
	*is_whole = !(question.header.nlmsg_flags & NLM_F_DUMP_INTR);
	return error ? error : collection.error;
}

static int
list_family(int family, struct prefix_list *list)
{
	bool is_whole = false;
	int error = 0;

	for (int i = 0; i < ATTEMPTS && !error && !is_whole; i++) {
		list->count = 0;
		error = list_once(family, list, &is_whole);
	}
	return error || is_whole ? error : -EAGAIN;
}

int
host_address_is(const union address *address)
{
	struct prefix_list own = { 0 };
	int error = list_family(address->any.sa_family, &own);
	bool is_own = prefix_list_contains(&own, address);

	prefix_list_finish(&own);
	return error ? error : is_own;
}

int
host_address_list(struct prefix_list *list)
{
	int error = list_family(AF_UNSPEC, list);

	prefix_sort(list->items, list->count);
	return error;
}

const struct prefix *
host_address_within(
    const struct prefix_list *own, const struct prefix *prefix, size_t *count)
{
	size_t first = 0, end = own->count;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (prefix_compare(&own->items[middle], prefix) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	while (end < own->count && prefix_is_within(&own->items[end], prefix))
		end++;
	*count = end - first;
	return own->items + first;
}
