#include "status/counters.h"

#include <stdio.h>
#include <unistd.h>

#include "rules/count.h"
#include "status/answer.h"

/* Returns NULL if there is no such table. */
static struct json_object *
list(uint16_t port)
{
	char command[128], table[COUNT_NAME_LEN];
	struct json_object *listing = NULL;
	FILE *file;

	snprintf(command, sizeof(command),
	    "PATH=$PATH:/usr/sbin:/sbin; "
	    "exec nft -j list counters table inet %s 2>/dev/null",
	    count_table(port, table));
	/* No part of it comes from outside. NOLINTNEXTLINE(cert-env33-c) */
	file = popen(command, "re");
	if (!file)
		return NULL;
	listing = json_object_from_fd(fileno(file));
	pclose(file);
	return listing;
}

/* by_prefix: an object for each prefix, in the order of the counters. */
static void
add_counter(struct json_object *by_prefix, struct json_object *counter)
{
	char copy[COUNT_COUNTER_LEN];
	const char *direction, *prefix;
	struct json_object *object;

	if (!count_parse(
		answer_text(counter, "name"), copy, &direction, &prefix))
		return;
	object = answer_member(by_prefix, prefix);
	if (!object) {
		object = json_object_new_object();
		json_object_object_add(
		    object, "prefix", json_object_new_string(prefix));
		json_object_object_add(by_prefix, prefix, object);
	}
	json_object_object_add(object, direction,
	    json_object_new_int64(answer_number(counter, "bytes")));
}

void
counters_add(struct json_object *answer, uint16_t port)
{
	struct json_object *listing = geteuid() == 0 ? list(port) : NULL;
	struct json_object *items = answer_member(listing, "nftables");
	struct json_object *by_prefix, *array;

	if (answer_count(items) == 0)
		return;
	by_prefix = json_object_new_object();
	array = json_object_new_array();
	for (size_t i = 0; i < answer_count(items); i++)
		add_counter(by_prefix,
		    answer_member(
			json_object_array_get_idx(items, i), "counter"));
	json_object_object_foreach(by_prefix, prefix, object)
	{
		(void)prefix;
		json_object_array_add(array, json_object_get(object));
	}
	json_object_object_add(answer, "prefixes", array);
	json_object_put(by_prefix);
	json_object_put(listing);
}
