#include "firewall/range.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/ruleset.h"
#include "json5/json5.h"
#include "net/prefix.h"

bool
range_read_number(const struct json5 *json, uint64_t *number)
{
	const struct json5 *flags = json5_member(json, "|");
	const char *text = json5_string(json, NULL);
	int64_t integer = 0;
	uint64_t part;
	bool truth;
	char *end;

	flags = flags ? flags : json;
	if (text) {
		*number = strtoull(text, &end, 0);
		return *text && !*end;
	}
	if (json5_boolean(json, &truth))
		integer = truth;
	else if (!json5_integer(json, &integer) &&
	    json5_type(flags) != JSON5_ARRAY)
		return false;
	*number = (uint64_t)integer;
	for (size_t i = 0; i < json5_count(flags); i++) {
		if (!range_read_number(json5_item(flags, i), &part))
			return false;
		*number |= part;
	}
	return true;
}

static void
range_of_name(const char *text, struct range *range)
{
	struct value name = value_of_name(text);
	size_t len = strlen(text);

	memcpy(range->from, name.bytes, sizeof(range->from));
	memcpy(range->to, name.bytes, sizeof(range->to));
	if (len == 0 || len > sizeof(range->to) || text[len - 1] != '*')
		return;
	range->from[len - 1] = 0;
	memset(range->to + len - 1, 0xff, sizeof(range->to) - (len - 1));
}

/* prefix_parse() makes an IPv4-mapped block IPv4; here it stays IPv6. */
static bool
range_of_prefix(const char *text, struct range *range)
{
	struct prefix prefix;
	size_t len, start = 0;
	const uint8_t *raw;
	bool masked;

	memset(range, 0, sizeof(*range));
	if (prefix_parse(text, &prefix, &masked))
		return false;
	raw = address_raw(&prefix.base, &len);
	if (len == 4 && strchr(text, ':')) {
		start = 12;
		range->from[10] = range->from[11] = 0xff;
	}
	memcpy(range->from + start, raw, len);
	memcpy(range->to, range->from, sizeof(range->to));
	for (size_t i = prefix.bit_count; i < len * 8; i++)
		range->to[start + i / 8] |= (uint8_t)(0x80 >> i % 8);
	return true;
}

static bool
range_of_number(const struct json5 *json, enum field field, struct range *range)
{
	struct value value;
	uint64_t number;

	if (!range_read_number(json, &number))
		return false;
	/* "nft -n" prints these numbers in network byte order. */
	if (field == FIELD_ETHERTYPE &&
	    (number == 0x0008 || number == 0xdd86 || number == 0x0608))
		number = (number & 0xff) << 8 | number >> 8;
	value = value_of_number(number);
	memcpy(range->from, value.bytes, sizeof(range->from));
	memcpy(range->to, value.bytes, sizeof(range->to));
	return true;
}

bool
range_read(const struct json5 *json, enum field field, struct range *range)
{
	const struct json5 *pair = json5_member(json, "range");
	const struct json5 *prefix = json5_member(json, "prefix");
	const char *text = json5_string(json, NULL);
	char whole[PREFIX_STRLEN];
	struct range last;
	uint64_t len = 0;

	if (pair) {
		if (json5_count(pair) != 2 ||
		    !range_read(json5_item(pair, 0), field, range) ||
		    !range_read(json5_item(pair, 1), field, &last))
			return false;
		memcpy(range->to, last.to, sizeof(range->to));
		return true;
	}
	if (text && !strcmp(text, "*")) {
		memset(range->from, 0, sizeof(range->from));
		memset(range->to, 0xff, sizeof(range->to));
		return true;
	}
	if (prefix && json5_member(prefix, "len") &&
	    range_read_number(json5_member(prefix, "len"), &len)) {
		snprintf(whole, sizeof(whole), "%s/%u",
		    ruleset_text(prefix, "addr"), (unsigned)len);
		text = whole;
	}
	if (field_is_address(field))
		return text && range_of_prefix(text, range);
	if (field_is_name(field) && text) {
		range_of_name(text, range);
		return true;
	}
	return !field_is_name(field) && range_of_number(json, field, range);
}

/* A number with unknown bits is somewhere between least and most. */
enum truth
range_holds(const struct range *range, const struct value *value)
{
	struct value least, most;
	uint64_t bits = value->unknown_bits;
	bool is_one = !memcmp(range->from, range->to, sizeof(range->from));

	if (value->state == VALUE_UNKNOWN)
		return TRUTH_MAYBE;
	least = most = *value;
	if (bits) {
		least = value_of_number(value_number(value) & ~bits);
		most = value_of_number(value_number(value) | bits);
	}
	if (memcmp(most.bytes, range->from, sizeof(range->from)) < 0 ||
	    memcmp(least.bytes, range->to, sizeof(range->to)) > 0)
		return TRUTH_NO;
	if (bits && is_one) {
		memcpy(most.bytes, range->from, sizeof(range->from));
		return (value_number(&most) ^ value_number(value)) & ~bits
		    ? TRUTH_NO
		    : TRUTH_MAYBE;
	}
	return memcmp(least.bytes, range->from, sizeof(range->from)) >= 0 &&
		memcmp(most.bytes, range->to, sizeof(range->to)) <= 0
	    ? TRUTH_YES
	    : TRUTH_MAYBE;
}
