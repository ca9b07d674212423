#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

/* The types of values. Each reads one value into a field of that type. */

#include "config/keys.h"
#include "net/prefix.h"

/* struct endpoint: "host:port", as endpoint.h has it. */
key_read value_endpoint;

/*
 * int64_t, milliseconds: whole seconds, or a string as duration.h has it. A
 * longer time than DURATION_MAX_MS becomes that, with a warning.
 */
key_read value_duration;

/* struct digest, of any string. */
key_read value_digest;

/* size_t: a whole number, 1 or more. */
key_read value_count;

/* bool. */
key_read value_flag;

/* char[CONGESTION_MAX_LEN + 1]: the name of a congestion control (tcp(7)). */
key_read value_congestion;

/* struct mark: "VALUE/MASK" as mark.h has it, or a whole number. */
key_read value_mark;

/* struct local_bind: its mark; and its address and interface. */
key_read value_fwmark, value_local_addr;

/* struct prefix_list, struct target_list: an array of prefixes, of targets. */
key_read value_prefixes, value_targets;

/*
 * Reads the text, which is the value or a part of it. False: it is no prefix.
 */
bool value_prefix(struct reader *reader, const struct json5 *value,
    const char *text, struct prefix *prefix);

/*
 * Chooses the enum value that is the index of the word. The words end with
 * NULL. A blank word changes nothing.
 */
void value_choice(struct reader *reader, const struct json5 *value,
    const char *const words[], void *field);

#endif
