#include "special.h"

#include "prefix.h"

struct block {
	const char *prefix, *reason;
};

#define SPECIAL(prefix, name)                                           \
	{                                                               \
		prefix,                                                 \
		    name " destinations (" prefix ") need an entry of " \
			 "their own in allowed_dst_ips"                 \
	}

/* The first that contains an address counts. */
static const struct block v4_blocks[] = {
	/* Linux takes 0.0.0.0 for loopback, and the rest for hosts. */
	SPECIAL("0.0.0.0/8", "unspecified"),
	SPECIAL("127.0.0.0/8", "loopback"),
	SPECIAL("169.254.0.0/16", "link-local"),
	SPECIAL("100.100.100.200", "cloud metadata"), /* Alibaba */
	SPECIAL("168.63.129.16", "cloud metadata"),   /* Azure */
	SPECIAL("224.0.0.0/4", "multicast"),
	SPECIAL("255.255.255.255", "broadcast"),
	SPECIAL("240.0.0.0/4", "reserved"),
};

static const struct block v6_blocks[] = {
	SPECIAL("::", "unspecified"),
	SPECIAL("::1", "loopback"),
	SPECIAL("::/96", "IPv4-compatible"),
	SPECIAL("fe80::/10", "link-local"),
	SPECIAL("fd00:ec2::/32", "cloud metadata"),   /* Amazon */
	SPECIAL("fd20:ce::254", "cloud metadata"),    /* Google */
	SPECIAL("64:ff9b:1::/48", "local-use NAT64"), /* RFC 8215 */
	SPECIAL("ff00::/8", "multicast"),
};

/* Where an IPv4 address is in the bytes of an IPv6 one. */
static const struct {
	const char *prefix;
	unsigned offset;
} embeddings[] = {
	{ "64:ff9b::/96", 12 },    /* NAT64: RFC 6052 */
	{ "::ffff:0:0:0/96", 12 }, /* IPv4-translated: RFC 7915 */
	{ "2002::/16", 2 },        /* 6to4: RFC 3056 */
};

static bool
is_within(const union address *address, const char *text, unsigned *bit_count)
{
	struct prefix prefix;
	bool masked;

	if (prefix_parse(text, &prefix, &masked) ||
	    !prefix_contains(&prefix, address))
		return false;
	*bit_count = prefix.bit_count;
	return true;
}

static const char *
find_among(const struct block *blocks, size_t count,
    const union address *address, unsigned *bit_count)
{
	for (size_t i = 0; i < count; i++) {
		if (is_within(address, blocks[i].prefix, bit_count))
			return blocks[i].reason;
	}
	return NULL;
}

static const char *
find_v4(const union address *address, unsigned *bit_count)
{
	return find_among(v4_blocks, sizeof(v4_blocks) / sizeof(*v4_blocks),
	    address, bit_count);
}

static const char *
find_embedded(const union address *address, unsigned *bit_count)
{
	size_t raw_len;
	const uint8_t *raw = address_raw(address, &raw_len);

	for (size_t i = 0; i < sizeof(embeddings) / sizeof(*embeddings); i++) {
		unsigned offset = embeddings[i].offset, outer_bits;
		union address inner;
		const char *reason;

		if (!is_within(address, embeddings[i].prefix, &outer_bits))
			continue;
		address_from_raw(&inner, raw + offset, 4, 0);
		reason = find_v4(&inner, bit_count);
		if (reason)
			*bit_count += offset * 8;
		return reason;
	}
	return NULL;
}

const char *
special_find(const union address *address, unsigned *bit_count)
{
	const char *reason;

	if (address->any.sa_family == AF_INET)
		return find_v4(address, bit_count);
	reason = find_among(v6_blocks, sizeof(v6_blocks) / sizeof(*v6_blocks),
	    address, bit_count);
	return reason ? reason : find_embedded(address, bit_count);
}
