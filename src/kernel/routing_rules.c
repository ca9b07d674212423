#include "kernel/routing_rules.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "kernel/netlink.h"

struct list {
	struct routing_rule *rules;
	size_t count;
};

/* Leaves *number unchanged if there is no such attribute. */
static void
read_number(struct netlink_part attributes, uint16_t type, uint32_t *number)
{
	struct netlink_part part =
	    netlink_find(attributes, type, sizeof(*number));

	if (part.data)
		memcpy(number, part.data, sizeof(*number));
}

static void
take_rule(const union netlink_message *answer, void *context)
{
	struct list *list = context;
	const struct fib_rule_hdr *header = NLMSG_DATA(&answer->header);
	struct netlink_part attributes =
	    netlink_attributes(answer, sizeof(*header));
	struct routing_rule rule = { .mask = UINT32_MAX };
	struct netlink_part name;

	read_number(attributes, FRA_FWMARK, &rule.mark);
	if (rule.mark == 0 || header->action != FR_ACT_TO_TBL ||
	    list->count == ROUTING_RULES_MAX)
		return;
	rule.table = header->table;
	read_number(attributes, FRA_FWMASK, &rule.mask);
	read_number(attributes, FRA_PRIORITY, &rule.priority);
	read_number(attributes, FRA_TABLE, &rule.table);
	name = netlink_find(attributes, FRA_IIFNAME, 1);
	if (name.data)
		rule.interface = if_nametoindex((const char *)name.data);
	list->rules[list->count++] = rule;
}

size_t
routing_rules_list_marked(
    int family, struct routing_rule rules[ROUTING_RULES_MAX])
{
	struct list list = { rules, 0 };
	union netlink_message question;
	struct fib_rule_hdr *asked =
	    netlink_begin(&question, RTM_GETRULE, sizeof(*asked));

	asked->family = (uint8_t)family;
	netlink_ask_all(
	    NETLINK_ROUTE, &question, RTM_NEWRULE, take_rule, &list);
	return list.count;
}
