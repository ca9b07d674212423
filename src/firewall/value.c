#include "firewall/value.h"

#include <endian.h>
#include <net/if.h>
#include <string.h>

#include "net/prefix.h"

const struct value value_unknown = { .unknown = { UINT64_MAX, UINT64_MAX } };
const struct value value_absent = { .is_absent = true };

struct value
value_of_number(uint64_t number)
{
	return (struct value){ .bits = { 0, number } };
}

static struct value
value_of_bytes(const void *bytes, size_t len)
{
	struct value value = { 0 };

	memcpy(value.bits, bytes, len);
	value.bits[0] = be64toh(value.bits[0]);
	value.bits[1] = be64toh(value.bits[1]);
	return value;
}

struct value
value_of_name(const char *name)
{
	return value_of_bytes(name, strnlen(name, IF_NAMESIZE));
}

struct value
value_of_address(const union address *address)
{
	size_t len;
	const uint8_t *raw;

	if (address->any.sa_family == AF_UNSPEC)
		return value_unknown;
	raw = address_raw(address, &len);
	if (len == 4)
		return value_of_number(ntohl(address->v4.sin_addr.s_addr));
	return value_of_bytes(raw, len);
}

bool
value_is_known(const struct value *value)
{
	return !value->is_absent && !value->unknown[0] && !value->unknown[1];
}

struct value
value_combine(char operation, struct value a, struct value b)
{
	struct value result = { .is_absent = a.is_absent || b.is_absent };

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
		result.bits[i] = ones & ~unknown;
		result.unknown[i] = unknown;
	}
	return result;
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
value_has_any(const struct value *value, uint64_t bits)
{
	if (value->bits[1] & bits)
		return TRUTH_YES;
	return value->unknown[1] & bits ? TRUTH_MAYBE : TRUTH_NO;
}

static int
compare(const uint64_t a[2], const uint64_t b[2])
{
	size_t i = a[0] == b[0];

	return (a[i] > b[i]) - (a[i] < b[i]);
}

int
range_compare(const void *a, const void *b)
{
	return compare(
	    ((const struct range *)a)->from, ((const struct range *)b)->from);
}

enum truth
range_holds(const struct range *range, const struct value *value)
{
	const uint64_t *least = value->bits, *unknown = value->unknown;
	const uint64_t most[2] = { least[0] | unknown[0],
		least[1] | unknown[1] };
	bool is_single = compare(range->from, range->to) == 0;

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

/* All values that differ from the first one in the last bits only. */
static void
set_block(struct range *range, struct value first, unsigned bit_count)
{
	for (size_t i = 2; i-- > 0;) {
		uint64_t rest = bit_count < 64 ? (UINT64_C(1) << bit_count) - 1
					       : UINT64_MAX;

		range->from[i] = first.bits[i] & ~rest;
		range->to[i] = first.bits[i] | rest;
		bit_count -= bit_count < 64 ? bit_count : 64;
	}
}

bool
range_of_prefix(const char *text, struct range *range)
{
	struct prefix prefix;
	struct value first;
	bool is_ipv4, masked;

	if (prefix_parse(text, &prefix, &masked))
		return false;
	is_ipv4 = prefix.base.any.sa_family == AF_INET;
	first = value_of_address(&prefix.base);
	if (is_ipv4 && strchr(text, ':'))
		first.bits[1] |= UINT64_C(0xffff) << 32;
	set_block(range, first, (is_ipv4 ? 32 : 128) - prefix.bit_count);
	return true;
}

void
range_of_name(const char *text, struct range *range)
{
	unsigned len = (unsigned)strnlen(text, IF_NAMESIZE);
	bool is_pattern = len > 0 && text[len - 1] == '*';

	set_block(range, value_of_name(text),
	    is_pattern ? 8 * (IF_NAMESIZE + 1 - len) : 0);
}
