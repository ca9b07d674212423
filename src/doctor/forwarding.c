#include "doctor/checks.h"

#include <net/if.h>
#include <sys/socket.h>

#include "doctor/trace.h"
#include "kernel/sysctl.h"
#include "net/route.h"

#define DNS_PORT 53
#define WEB_PORT 443

/* selection: the packets to let pass if a rule drops them. */
static void
check_packet(const struct doctor_context *context, const union address *from,
    const union address *to, uint8_t protocol,
    const struct selection *selection, const char *what)
{
	char in[IF_NAMESIZE], out[IF_NAMESIZE];
	struct text fix = { 0 }, name, users;
	struct walk walk;

	if (!route_find_link(from, in) || !route_find_link(to, out))
		return;
	trace_begin(&walk, from, to, protocol, in);
	walk_through(&walk, context->ruleset, HOOK_PREROUTING);
	trace_set_name(&walk, FIELD_OIF, out);
	walk_through(&walk, context->ruleset, HOOK_FORWARD);
	walk_through(&walk, context->ruleset, HOOK_POSTROUTING);
	if (walk.fate != FATE_DROPPED || !walk.cause.chain)
		return;
	remedy_pass_all(context->ruleset, &walk, selection, &fix);
	finding_note(context->findings, "%sthe firewall drops %s: %s%s%s",
	    trace_format_users(selection, &users), what,
	    remedy_name(&walk.cause, &name),
	    fix.len ? "; to let them pass: " : "", fix.chars);
}

static void
check_prefix(const struct doctor_context *context, const struct prefix *users)
{
	const struct selection away = trace_select(users, false);
	const struct selection back = { .family = users->base.any.sa_family,
		.to = users };
	union address user = trace_user(users);
	union address external = trace_external(user.any.sa_family);

	address_set_port(&user, 0);
	address_set_port(&external, DNS_PORT);
	check_packet(context, &user, &external, IPPROTO_UDP, &away,
	    "forwarded packets of these users that are not TCP, such as DNS");
	address_set_port(&external, 0);
	address_set_port(&user, WEB_PORT);
	check_packet(context, &external, &user, IPPROTO_TCP, &back,
	    "forwarded connections of other hosts to these users");
}

/*
 * A host that forwards takes no default route from a router's announcements
 * any more, unless accept_ra of the link is 2: ip-sysctl.rst of Linux.
 */
static const char *
format_keeping(int family, struct text *setting)
{
	const union address external = trace_external(family);
	char link[IF_NAMESIZE];
	long accepts = 0;

	if (family == AF_INET6 && route_find_link(&external, link))
		sysctl_read(text_set(setting, "ipv6/conf/%s/accept_ra", link),
		    &accepts);
	text_set(setting, "%s", "");
	return accepts == 1
	    ? text_add(setting, "net/ipv6/conf/%s/accept_ra=2 ", link)
	    : setting->chars;
}

static void
check_family(const struct doctor_context *context, int family, const char *name)
{
	const struct prefix_list *list = context->prefixes;
	struct text keeping;
	long on;

	if (!prefix_list_has_family(list, family) || !sysctl_read(name, &on))
		return;
	if (!on) {
		finding_note(context->findings,
		    "net/%s is 0: TCP connections of users work, but this host "
		    "forwards nothing else (DNS, ping, connections to users); "
		    "to forward it: sysctl -w %snet/%s=1",
		    name, format_keeping(family, &keeping), name);
		return;
	}
	finding_ok(context->findings, "net/%s is 1", name);
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].base.any.sa_family == family &&
		    doctor_context_sees_firewall(context))
			check_prefix(context, &list->items[i]);
	}
}

void
forwarding_check(struct doctor_context *context)
{
	check_family(context, AF_INET, "ipv4/ip_forward");
	check_family(context, AF_INET6, "ipv6/conf/all/forwarding");
}
