#include "config/special_purpose.h"

#include <pthread.h>

#include "base/array.h"
#include "base/must.h"
#include "net/prefix.h"

struct block {
	const char *text, *reason;
	unsigned offset;      /* embeddings: of the byte where IPv4 begins */
	struct prefix prefix; /* of the text, once it has been parsed */
};

#define SPECIAL(prefix, name)                                                 \
	{                                                                     \
		.text = (prefix),                                             \
		.reason = name " destinations (" prefix ") must be named in " \
			       "allowed_dst_ips"                              \
	}

/*
 * The first block that contains an address counts. srcproxy.conf(5) has the
 * same list, and a test compares them. A comment before each metadata service
 * names its cloud and a source. The services of DigitalOcean, Exoscale,
 * Hetzner, Huawei, IBM, NAVER, OpenStack (fe80::a9fe:a9fe), Tencent and Vultr,
 * and the IPv4 ones of Akamai, Amazon, Google, Oracle and Scaleway, are
 * link-local.
 */
static struct block v4_blocks[] = {
	/* To Linux 0.0.0.0 is loopback, and the rest are ordinary hosts. */
	SPECIAL("0.0.0.0/8", "unspecified"),
	SPECIAL("127.0.0.0/8", "loopback"),
	SPECIAL("169.254.0.0/16", "link-local"),
	/* UCloud: docs.ucloud.cn/uhost/guide/metadata/metadata-server */
	SPECIAL("100.80.80.80", "cloud metadata"),
	/* Volcengine: github.com/volcengine/cello, pkg/provider/credential */
	SPECIAL("100.96.0.96", "cloud metadata"),
	/* Alibaba: cloud-init, datasource AliYun */
	SPECIAL("100.100.100.200", "cloud metadata"),
	/* Azure: "What is IP address 168.63.129.16?", learn.microsoft.com */
	SPECIAL("168.63.129.16", "cloud metadata"),
	/* Oracle Cloud at Customer: "Retrieve Predefined Instance Metadata" */
	SPECIAL("192.0.0.192", "cloud metadata"),
	SPECIAL("224.0.0.0/4", "multicast"),
	SPECIAL("255.255.255.255", "broadcast"),
	SPECIAL("240.0.0.0/4", "reserved"),
};

static struct block v6_blocks[] = {
	SPECIAL("::", "unspecified"),
	SPECIAL("::1", "loopback"),
	SPECIAL("::/96", "IPv4-compatible"),
	SPECIAL("fe80::/10", "link-local"),
	/* Scaleway: cloud-init, datasource Scaleway */
	SPECIAL("fd00:42::42", "cloud metadata"),
	/* Oracle: github.com/oracle/oci-python-sdk, instance principals */
	SPECIAL("fd00:c1::a9fe:a9fe", "cloud metadata"),
	/* Alibaba: cloud-init, datasource AliYun */
	SPECIAL("fd00:100::100:200", "cloud metadata"),
	/* Amazon: "Access instance metadata" (::254), EKS Pod Identity (::23) */
	SPECIAL("fd00:ec2::/32", "cloud metadata"),
	/* Akamai: techdocs.akamai.com, "Metadata service API" */
	SPECIAL("fd00:a9fe:a9fe::1", "cloud metadata"),
	/* Google: "About VM metadata", for hosts with IPv6 only */
	SPECIAL("fd20:ce::254", "cloud metadata"),
	SPECIAL("64:ff9b:1::/48", "local-use NAT64"), /* RFC 8215 */
	SPECIAL("ff00::/8", "multicast"),
};

/*
 * IPv6 addresses with an IPv4 address in them. ISATAP (RFC 5214) and Teredo (RFC
 * 4380) are not here: their tunnels deliver IPv6, which a service that listens
 * for IPv4 never sees.
 */
static struct block embeddings[] = {
	{ .text = "64:ff9b::/96", .offset = 12 },    /* NAT64: RFC 6052 */
	{ .text = "::ffff:0:0:0/96", .offset = 12 }, /* translated: RFC 7915 */
	{ .text = "2002::/16", .offset = 2 },        /* 6to4: RFC 3056 */
};

static void
parse(struct block *blocks, size_t count)
{
	bool masked;

	for (size_t i = 0; i < count; i++)
		prefix_parse(blocks[i].text, &blocks[i].prefix, &masked);
}

static void
parse_all(void)
{
	parse(v4_blocks, COUNT(v4_blocks));
	parse(v6_blocks, COUNT(v6_blocks));
	parse(embeddings, COUNT(embeddings));
}

/* Returns the first block that contains the address, or NULL. */
static const struct block *
find_block(
    const struct block *blocks, size_t count, const union address *address)
{
	for (size_t i = 0; i < count; i++) {
		if (prefix_contains(&blocks[i].prefix, address))
			return &blocks[i];
	}
	return NULL;
}

static const char *
find_among(const struct block *blocks, size_t count,
    const union address *address, unsigned *bit_count)
{
	const struct block *block = find_block(blocks, count, address);

	if (!block)
		return NULL;
	*bit_count = block->prefix.bit_count;
	return block->reason;
}

static const char *
find_v4(const union address *address, unsigned *bit_count)
{
	return find_among(v4_blocks, COUNT(v4_blocks), address, bit_count);
}

static const char *
find_embedded(const union address *address, unsigned *bit_count)
{
	const struct block *block =
	    find_block(embeddings, COUNT(embeddings), address);
	union address inner;
	const char *reason;
	size_t raw_len;

	if (!block)
		return NULL;
	address_from_raw(
	    &inner, address_raw(address, &raw_len) + block->offset, 4, 0);
	reason = find_v4(&inner, bit_count);
	if (reason)
		*bit_count += block->offset * 8;
	return reason;
}

const char *
special_purpose_find(const union address *address, unsigned *bit_count)
{
	static pthread_once_t is_parsed = PTHREAD_ONCE_INIT;
	const char *reason;

	must(pthread_once(&is_parsed, parse_all));
	if (address->any.sa_family == AF_INET)
		return find_v4(address, bit_count);
	reason = find_among(v6_blocks, COUNT(v6_blocks), address, bit_count);
	return reason ? reason : find_embedded(address, bit_count);
}
