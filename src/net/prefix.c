#include "net/prefix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* Clears all bits from bit_count on; true if one of them was set. */
static bool
mask_bits(uint8_t *raw, size_t raw_len, unsigned bit_count)
{
	bool masked = false;

	/* Start at the first byte: gcc 16 warns of a loop that starts later. */
	for (size_t i = 0; i < raw_len; i++) {
		size_t before = i * 8;
		size_t kept = bit_count > before ? bit_count - before : 0;
		uint8_t keep = kept < 8 ? (uint8_t)(0xff00 >> kept) : 0xff;

		masked |= (raw[i] & ~keep) != 0;
		raw[i] &= keep;
	}
	return masked;
}

/* Digits only, no sign, no leading zero, at most max. */
static bool
parse_bit_count(const char *text, unsigned max, unsigned *bit_count)
{
	size_t len = strspn(text, "0123456789");
	unsigned value = 0;

	if (len == 0 || len > 3 || text[len] || (*text == '0' && len > 1))
		return false;
	while (*text)
		value = value * 10 + (unsigned)(*text++ - '0');
	*bit_count = value;
	return value <= max;
}

const char *
prefix_parse(const char *text, struct prefix *prefix, bool *masked)
{
	const char *slash = strchr(text, '/');
	size_t host_len = slash ? (size_t)(slash - text) : strlen(text);
	char host[INET6_ADDRSTRLEN];
	struct prefix result;
	uint8_t raw[sizeof(struct in6_addr)];
	const uint8_t *given;
	size_t raw_len;

	if (host_len >= sizeof(host))
		return "this is not an IPv4 or IPv6 address";
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	if (!address_parse(host, &result.base))
		return "this is not an IPv4 or IPv6 address";
	given = address_raw(&result.base, &raw_len);
	memcpy(raw, given, raw_len);
	result.bit_count = (unsigned)raw_len * 8;
	if (slash &&
	    !parse_bit_count(slash + 1, result.bit_count, &result.bit_count))
		return raw_len == 4 ? "prefix length is 0 to 32"
				    : "prefix length is 0 to 128";
	*masked = mask_bits(raw, raw_len, result.bit_count);
	address_from_raw(&result.base, raw, raw_len, 0);
	if (result.bit_count >= 96) {
		address_unmap(&result.base);
		if (result.base.any.sa_family == AF_INET)
			result.bit_count -= 96;
	}
	*prefix = result;
	return NULL;
}

bool
prefix_contains(const struct prefix *prefix, const union address *address)
{
	uint8_t raw[sizeof(struct in6_addr)];
	size_t raw_len, base_len;
	const uint8_t *base = address_raw(&prefix->base, &base_len);
	const uint8_t *given = address_raw(address, &raw_len);

	if (raw_len != base_len)
		return false;
	memcpy(raw, given, raw_len);
	mask_bits(raw, raw_len, prefix->bit_count);
	return !memcmp(raw, base, raw_len);
}

/* How many bits an address of its family has. */
static unsigned
address_bits(const struct prefix *prefix)
{
	return prefix->base.any.sa_family == AF_INET ? 32 : 128;
}

bool
prefix_is_single(const struct prefix *prefix)
{
	return prefix->bit_count == address_bits(prefix);
}

bool
prefix_is_within(const struct prefix *inner, const struct prefix *outer)
{
	return outer->bit_count <= inner->bit_count &&
	    prefix_contains(outer, &inner->base);
}

bool
prefix_is_private(const struct prefix *prefix)
{
	static const char *const blocks[] = { "10.0.0.0/8", "172.16.0.0/12",
		"192.168.0.0/16", "100.64.0.0/10", "fc00::/7" };

	for (size_t i = 0; i < COUNT(blocks); i++) {
		struct prefix block;
		bool masked;

		if (!prefix_parse(blocks[i], &block, &masked) &&
		    prefix_is_within(prefix, &block))
			return true;
	}
	return false;
}

int
prefix_compare(const struct prefix *a, const struct prefix *b)
{
	size_t a_len, b_len;
	const uint8_t *a_raw = address_raw(&a->base, &a_len);
	const uint8_t *b_raw = address_raw(&b->base, &b_len);
	int order;

	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	order = memcmp(a_raw, b_raw, a_len);
	if (order != 0)
		return order;
	return (a->bit_count > b->bit_count) - (a->bit_count < b->bit_count);
}

static int
compare_items(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

void
prefix_sort(struct prefix *items, size_t count)
{
	/* qsort(3) takes no NULL. */
	if (count > 0)
		qsort(items, count, sizeof(*items), compare_items);
}

/* The first address of a prefix, with the bits from first on set, up to end. */
static union address
set_bits(const struct prefix *prefix, unsigned first, unsigned end)
{
	uint8_t raw[sizeof(struct in6_addr)];
	union address result;
	size_t raw_len;
	const uint8_t *base = address_raw(&prefix->base, &raw_len);

	memcpy(raw, base, raw_len);
	for (unsigned bit = first; bit < end; bit++)
		raw[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	address_from_raw(&result, raw, raw_len, 0);
	return result;
}

/* A prefix of one or two addresses gives its first address. */
union address
prefix_sample(const struct prefix *prefix)
{
	return set_bits(prefix, prefix->bit_count, address_bits(prefix) - 1);
}

union address
prefix_sample_first(const struct prefix *prefix)
{
	unsigned last = address_bits(prefix) - 1;

	return set_bits(prefix, last, last + (prefix->bit_count < last));
}

const char *
prefix_format(const struct prefix *prefix, char *text)
{
	address_format_host(&prefix->base, text);
	snprintf(text + strlen(text), 5, "/%u", prefix->bit_count);
	return text;
}
