#ifndef CONFIG_READER_H
#define CONFIG_READER_H

/*
 * Takes a JSON5 file apart with the reader's questions answered for it: each
 * thing that is wrong is reported where it stands, as
 * "file:line:column: key path: what is wrong", and reading goes on, so that one
 * run names all that is to be mended. Of one kind of problem, which is what has
 * the same format, only the first READER_KIND_MAX are reported, and the others
 * counted: one file cannot fill the log.
 *
 * Functions that return a value return NULL when it is absent or wrong, those
 * that fill one in leave it as it was. null is absent, but where a list belongs.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/digest.h"
#include "json5/json5.h"
#include "net/endpoint.h"

/* A problem that is not fatal is a warning. The line has no newline. */
typedef void reader_sink(bool fatal, const char *problem);

#define READER_KIND_MAX 20
#define READER_KINDS 64

struct reader {
	const char *path;
	reader_sink *sink;
	bool failed; /* there was a fatal problem */
	mode_t mode; /* of the file; 0 until it is open */
	struct reader_kind {
		const char *format;
		unsigned count;
	} kinds[READER_KINDS]; /* those that there were; then NULL */
	unsigned not_shown[2]; /* warnings, and fatal problems */
};

/* The whole file as a tree, which the caller destroys; nothing else keeps it. */
struct json5 *reader_load(struct reader *reader);

/* value NULL: the file as a whole. */
void reader_fail(struct reader *reader, const struct json5 *value,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
void reader_warn(struct reader *reader, const struct json5 *value,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* At the end: reports how many problems were not shown. */
void reader_finish(struct reader *reader);

void reader_fail_memory(struct reader *reader);

/* calloc(3); that there is no memory is reported. */
void *reader_allocate(struct reader *reader, size_t count, size_t size);

/* Each member but those of the list, which ends with NULL, is a mistake. */
void reader_refuse_unknown(struct reader *reader, const struct json5 *object,
    const char *const known[]);
void reader_require(
    struct reader *reader, const struct json5 *object, const char *key);

bool reader_expect(
    struct reader *reader, const struct json5 *value, enum json5_type type);
const struct json5 *reader_member(struct reader *reader,
    const struct json5 *object, const char *key, enum json5_type type);

/* Of a string; a NUL inside it is a mistake. */
const char *reader_text(struct reader *reader, const struct json5 *value);
const char *reader_string(
    struct reader *reader, const struct json5 *object, const char *key);

/* Likewise, and a blank one is absent. */
const char *reader_word(
    struct reader *reader, const struct json5 *object, const char *key);

/*
 * That the text is no address, as wrong has it, or more to the point: that it is
 * several, or has blanks.
 */
void reader_fail_address(struct reader *reader, const struct json5 *value,
    const char *text, const char *wrong);

/* "host:port", as endpoint.h has it. The key is required. */
void reader_endpoint(struct reader *reader, const struct json5 *object,
    const char *key, struct endpoint *endpoint);

/*
 * Whole seconds, or a string as duration.h has it. More than DURATION_MAX_MS is
 * taken as that, with a warning.
 */
void reader_duration(struct reader *reader, const struct json5 *object,
    const char *key, int64_t *ms);

/*
 * The digest of any string, a blank one where the key is absent. False, and
 * the digest as it was, if it is there but no string.
 */
bool reader_digest(struct reader *reader, const struct json5 *object,
    const char *key, struct digest *digest);

/* A whole number, 1 or more. */
void reader_count(struct reader *reader, const struct json5 *object,
    const char *key, size_t *count);

#endif
