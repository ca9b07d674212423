#include "kernel/host_address.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "kernel/netlink.h"

struct search {
	const struct prefix *prefix;
	union address *found;
	bool is_over;
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

static void
compare(const union netlink_message *answer, void *context)
{
	struct search *search = context;
	struct netlink_part own;
	union address address;
	size_t raw_len;

	address_raw(&search->prefix->base, &raw_len);
	own = own_part(answer, raw_len);
	if (search->is_over || !own.data)
		return;
	address_from_raw(&address, own.data, raw_len, 0);
	if (address_is_loopback(&address) ||
	    !prefix_contains(search->prefix, &address))
		return;
	*search->found = address;
	search->is_over = true;
}

int
host_address_find(const struct prefix *prefix, union address *found)
{
	struct search search = { .prefix = prefix, .found = found };
	union netlink_message question;
	struct ifaddrmsg *asked =
	    netlink_begin(&question, RTM_GETADDR, sizeof(*asked));
	int error;

	asked->ifa_family = (uint8_t)prefix->base.any.sa_family;
	error = netlink_ask_all(
	    NETLINK_ROUTE, &question, RTM_NEWADDR, compare, &search);
	return error ? error : search.is_over;
}

int
host_address_is(const union address *address)
{
	struct prefix itself = { .base = *address };
	union address found;
	size_t raw_len;

	address_raw(address, &raw_len);
	itself.bit_count = (unsigned)raw_len * 8;
	return host_address_find(&itself, &found);
}
