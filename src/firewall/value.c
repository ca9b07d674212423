#include "firewall/value.h"

#include <arpa/inet.h>
#include <endian.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL                            \
	{                              \
		UINT64_MAX, UINT64_MAX \
	}

const struct value value_unknown = { .kind = KIND_ANY, .unknown = ALL };
const struct value value_absent = { .is_absent = true };
const struct range range_any = { .to = ALL, .kind = KIND_ANY };

enum truth
truth_both(enum truth a, enum truth b)
{
	return a < b ? a : b;
}

struct value
value_of_number(uint64_t number)
{
	return (struct value){ .bits = { 0, number } };
}

/* Places the bytes at that offset of the 16. */
static struct value
value_of_bytes(enum kind kind, const void *bytes, size_t len, size_t offset)
{
	struct value value = { .kind = kind };

	memcpy((uint8_t *)value.bits + offset, bytes, len);
	value.bits[0] = be64toh(value.bits[0]);
	value.bits[1] = be64toh(value.bits[1]);
	return value;
}

struct value
value_of_name(const char *name)
{
	return value_of_bytes(KIND_NAME, name, strnlen(name, IF_NAMESIZE), 0);
}

struct value
value_of_address(const union address *address)
{
	size_t len;
	const uint8_t *raw;

	if (address->any.sa_family == AF_UNSPEC)
		return value_unknown;
	raw = address_raw(address, &len);
	return value_of_bytes(KIND_ADDRESS, raw, len, 16 - len);
}

static int
compare(const uint64_t a[2], const uint64_t b[2])
{
	size_t i = a[0] == b[0];

	return (a[i] > b[i]) - (a[i] < b[i]);
}

struct value
value_of_range(const struct range *range)
{
	return compare(range->from, range->to)
	    ? value_unknown
	    : (struct value){ .kind = range->kind,
		      .bits = { range->from[0], range->from[1] } };
}

bool
value_is_known(const struct value *value)
{
	return !value->is_absent && !value->unknown[0] && !value->unknown[1];
}

struct value
value_combine(char operation, struct value a, struct value b)
{
	a.is_absent |= b.is_absent;
	a.kind = a.kind == KIND_ANY ? b.kind : a.kind;
	for (size_t i = 0; i < 2; i++) {
		uint64_t unknown = a.unknown[i] | b.unknown[i];
		uint64_t ones = a.bits[i] ^ b.bits[i];

		if (operation == '&') {
			ones = a.bits[i] & b.bits[i];
			unknown &= (a.bits[i] | a.unknown[i]) &
			    (b.bits[i] | b.unknown[i]);
		} else if (operation == '|') {
			ones = a.bits[i] | b.bits[i];
			unknown &= ~ones;
		} else if (operation != '^') {
			unknown = UINT64_MAX;
		}
		a.bits[i] = ones & ~unknown;
		a.unknown[i] = unknown;
	}
	return a;
}

struct value
value_either(struct value a, struct value b)
{
	if (a.is_absent || b.is_absent)
		return value_unknown;
	for (size_t i = 0; i < 2; i++) {
		a.unknown[i] |= b.unknown[i] | (a.bits[i] ^ b.bits[i]);
		a.bits[i] &= ~a.unknown[i];
	}
	return a;
}

enum truth
range_holds(const struct range *range, const struct value *value)
{
	const uint64_t *least = value->bits, *unknown = value->unknown;
	const uint64_t most[2] = { least[0] | unknown[0],
		least[1] | unknown[1] };
	bool is_single = compare(range->from, range->to) == 0;

	if (range->kind == KIND_ANY)
		return TRUTH_YES;
	if (range->kind != value->kind)
		return TRUTH_MAYBE;
	if (compare(most, range->from) < 0 || compare(least, range->to) > 0)
		return TRUTH_NO;
	for (size_t i = 0; i < 2 && is_single; i++) {
		if ((range->from[i] ^ least[i]) & ~unknown[i])
			return TRUTH_NO;
	}
	return compare(least, range->from) >= 0 && compare(most, range->to) <= 0
	    ? TRUTH_YES
	    : TRUTH_MAYBE;
}

int
range_compare(const void *a, const void *b)
{
	const struct range *left = a, *right = b;

	if (compare(left->to, right->from) < 0)
		return -1;
	return compare(left->from, right->to) > 0;
}

/* All values that differ from the first one in the last bits only. */
static void
set_block(struct range *range, struct value first, unsigned bit_count)
{
	range->kind = first.kind;
	for (size_t i = 2; i-- > 0;) {
		uint64_t rest = bit_count < 64 ? (UINT64_C(1) << bit_count) - 1
					       : UINT64_MAX;

		range->from[i] = first.bits[i] & ~rest;
		range->to[i] = first.bits[i] | rest;
		bit_count -= bit_count < 64 ? bit_count : 64;
	}
}

void
range_parse(const char *text, struct range *range)
{
	char host[INET6_ADDRSTRLEN] = "", *end, *rest;
	uint8_t raw[16];
	uint64_t number = strtoull(text, &end, 0);
	unsigned len = (unsigned)strnlen(text, IF_NAMESIZE);
	size_t host_len = strcspn(text, "/");
	const char *bits = text[host_len] ? text + host_len + 1 : "128";
	unsigned bit_count = (unsigned)strtoul(bits, &rest, 10);

	/* iptables(8) takes masks like /255.0.0.255, too: those are not read. */
	if (host_len < sizeof(host) && *bits && !*rest)
		memcpy(host, text, host_len);
	if (*text && !*end)
		set_block(range, value_of_number(number), 0);
	else if (inet_pton(AF_INET, host, raw) == 1)
		set_block(range, value_of_bytes(KIND_ADDRESS, raw, 4, 12),
		    bit_count < 32 ? 32 - bit_count : 0);
	else if (inet_pton(AF_INET6, host, raw) == 1)
		set_block(range, value_of_bytes(KIND_ADDRESS, raw, 16, 0),
		    bit_count < 128 ? 128 - bit_count : 0);
	else
		set_block(range, value_of_name(text),
		    len > 0 && text[len - 1] == '*'
			? 8 * (IF_NAMESIZE + 1 - len)
			: 0);
}
