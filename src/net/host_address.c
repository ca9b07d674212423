#include "net/host_address.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "net/netlink.h"

struct search {
	const union address *address;
	bool is_found;
};

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

static int
ask(int family, netlink_visit *visit, void *context)
{
	union netlink_message question;
	struct ifaddrmsg *asked =
	    netlink_begin(&question, RTM_GETADDR, sizeof(*asked));

	asked->ifa_family = (uint8_t)family;
	return netlink_ask_all(
	    NETLINK_ROUTE, &question, RTM_NEWADDR, visit, context);
}

static void
compare(const union netlink_message *answer, void *context)
{
	struct search *search = context;
	union address address;

	if (read_address(answer, &address))
		search->is_found |=
		    address_same_host(&address, search->address);
}

int
host_address_is(const union address *address)
{
	struct search search = { .address = address };
	int error = ask(address->any.sa_family, compare, &search);

	return error ? error : search.is_found;
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

int
host_address_list(struct prefix_list *list)
{
	struct collection collection = { .list = list };
	int error = ask(AF_UNSPEC, collect, &collection);

	prefix_sort(list->items, list->count);
	return error ? error : collection.error;
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
