#include "kernel/proxied_address.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "net/netlink.h"

struct search {
	const struct prefix *prefix;
	union address *address;
	bool is_found;
};

static void
compare(const union netlink_message *answer, void *context)
{
	const struct ndmsg *about = NLMSG_DATA(&answer->header);
	struct search *search = context;
	size_t raw_len;
	struct netlink_part raw;
	union address address;

	address_raw(&search->prefix->base, &raw_len);
	raw = netlink_find(
	    netlink_attributes(answer, sizeof(*about)), NDA_DST, raw_len);
	if (!(about->ndm_flags & NTF_PROXY) || !raw.data || search->is_found)
		return;
	address_from_raw(&address, raw.data, raw_len, 0);
	search->is_found = prefix_contains(search->prefix, &address);
	if (search->is_found)
		*search->address = address;
}

bool
proxied_address_find(const struct prefix *prefix, union address *address)
{
	struct search search = { .prefix = prefix, .address = address };
	union netlink_message question;
	struct ndmsg *asked =
	    netlink_begin(&question, RTM_GETNEIGH, sizeof(*asked));

	asked->ndm_family = (uint8_t)prefix->base.any.sa_family;
	asked->ndm_flags = NTF_PROXY;
	return netlink_ask_all(NETLINK_ROUTE, &question, RTM_NEWNEIGH, compare,
		   &search) == 0 &&
	    search.is_found;
}
