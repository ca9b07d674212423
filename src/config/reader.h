#ifndef CONFIG_READER_H
#define CONFIG_READER_H

/*
 * Loads a JSON5 file and reports mistakes in it where they stand, as
 * "file:line:column: key path: what is wrong". Reading goes on after a mistake,
 * so that one run names them all; a message quota limits those of a kind.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/message_quota.h"
#include "json5/json5.h"

/* A problem that is not fatal is a warning. The line has no newline. */
typedef void reader_sink(bool fatal, const char *problem);

struct reader {
	const char *path;
	reader_sink *sink;
	bool failed; /* there was a fatal problem */
	mode_t mode; /* of the file; 0 until it is open */
	struct message_quota quota;
	unsigned not_shown[2]; /* [0] warnings, [1] fatal problems */
};

/* Returns the file as a tree, which the caller destroys, or NULL. */
struct json5 *reader_load(struct reader *reader);

/* With value NULL the problem is about the file as a whole. */
void reader_fail(struct reader *reader, const struct json5 *value,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
void reader_warn(struct reader *reader, const struct json5 *value,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Call it last. It reports how many problems were not shown. */
void reader_finish(struct reader *reader);

void reader_fail_memory(struct reader *reader);

/* Like calloc(3), and reports it if there is no memory. */
void *reader_allocate(struct reader *reader, size_t count, size_t size);

/* Reports each member that is not among the known keys, which end with NULL. */
void reader_refuse_unknown(struct reader *reader, const struct json5 *object,
    const char *const known[]);
void reader_require(
    struct reader *reader, const struct json5 *object, const char *key);

bool reader_expect(
    struct reader *reader, const struct json5 *value, enum json5_type type);
/* Returns NULL if the value is no string, or there is a NUL in it. */
const char *reader_text(struct reader *reader, const struct json5 *value);

/*
 * Reports that the text is no address: for the reason in wrong, or because it
 * is a list or has blanks, if so.
 */
void reader_fail_address(struct reader *reader, const struct json5 *value,
    const char *text, const char *wrong);

#endif
