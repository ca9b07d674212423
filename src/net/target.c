#include "net/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns what follows the digits, or NULL if they are no port. */
static const char *
parse_port(const char *text, uint16_t *port)
{
	size_t len = strspn(text, "0123456789");
	long value = len > 0 && len <= 5 ? strtol(text, NULL, 10) : 0;

	*port = (uint16_t)value;
	return value >= 1 && value <= UINT16_MAX ? text + len : NULL;
}

static const char *
parse_ports(const char *text, struct target *target)
{
	static const char wrong[] =
	    "the port must be a number from 1 to 65535, or two with a dash";
	const char *rest = parse_port(text, &target->first_port);

	target->last_port = target->first_port;
	if (rest && *rest == '-')
		rest = parse_port(rest + 1, &target->last_port);
	if (!rest || *rest)
		return wrong;
	return target->first_port > target->last_port
	    ? "the first port is greater than the last"
	    : NULL;
}

/*
 * Splits the text into a prefix and ports, of which ports may become NULL. An
 * IPv6 prefix with ports stands in brackets, as colons do not tell them apart.
 */
static const char *
split(char *text, char **prefix, char **ports)
{
	char *bracket = strchr(text, ']'), *colon = strchr(text, ':');

	*prefix = text;
	*ports = NULL;
	if (*text == '[') {
		if (!bracket)
			return "the closing bracket is missing";
		if (bracket[1] != ':')
			return "the port is missing; write [PREFIX]:PORT";
		*bracket = '\0';
		*prefix = text + 1;
		*ports = bracket + 2;
	} else if (colon && (!strchr(colon + 1, ':'))) {
		*colon = '\0';
		*ports = colon + 1;
	}
	return NULL;
}

const char *
target_parse(const char *text, struct target *target, bool *masked)
{
	char copy[TARGET_STRLEN], *prefix, *ports;
	struct target result = { .first_port = 0 };
	const char *wrong;

	if (strlen(text) >= sizeof(copy))
		return "this is not an IPv4 or IPv6 address";
	strcpy(copy, text);
	*masked = false;
	wrong = split(copy, &prefix, &ports);
	if (!wrong && (*prefix || !ports || *copy == '['))
		wrong = prefix_parse(prefix, &result.prefix, masked);
	if (!wrong && ports)
		wrong = parse_ports(ports, &result);
	if (!wrong)
		*target = result;
	return wrong;
}

bool
target_contains(const struct target *target, const union address *address)
{
	uint16_t port = address_port(address);

	if (target->last_port > 0 &&
	    (port < target->first_port || port > target->last_port))
		return false;
	return target->prefix.base.any.sa_family == AF_UNSPEC ||
	    prefix_contains(&target->prefix, address);
}

const char *
target_format(const struct target *target, char *text)
{
	int family = target->prefix.base.any.sa_family;
	char prefix[PREFIX_STRLEN] = "", ports[16] = "";
	bool is_bracketed = family == AF_INET6 && target->last_port > 0;

	if (family != AF_UNSPEC)
		prefix_format(&target->prefix, prefix);
	if (target->first_port < target->last_port)
		snprintf(ports, sizeof(ports), ":%u-%u", target->first_port,
		    target->last_port);
	else if (target->last_port > 0)
		snprintf(ports, sizeof(ports), ":%u", target->last_port);
	snprintf(text, TARGET_STRLEN, "%s%s%s%s", is_bracketed ? "[" : "",
	    prefix, is_bracketed ? "]" : "", ports);
	return text;
}

bool
target_list_contains(const struct target_list *list,
    const union address *address, unsigned least_bits)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].prefix.bit_count >= least_bits &&
		    target_contains(&list->items[i], address))
			return true;
	}
	return false;
}

void
target_list_finish(struct target_list *list)
{
	free(list->items);
	*list = (struct target_list){ 0 };
}
