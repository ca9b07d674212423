#include "config/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/suggest.h"
#include "base/unicode.h"
#include "config/dialect.h"

#define FILE_MAX_LEN (16 * 1024 * 1024)

static bool
is_shown(struct reader *reader, bool fatal, const char *format)
{
	bool shown = message_quota_take(&reader->quota, format);

	reader->failed |= fatal;
	reader->not_shown[fatal] += !shown;
	return shown;
}

static void __attribute__((format(printf, 3, 4)))
report(struct reader *reader, bool fatal, const char *format, ...)
{
	char problem[PATH_MAX + 1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(problem, sizeof(problem), format, arguments);
	va_end(arguments);
	/* A value may hold control characters, which a terminal would obey. */
	unicode_clean(problem, strlen(problem), unicode_is_visible);
	reader->sink(fatal, problem);
	reader->failed |= fatal;
}

void
reader_finish(struct reader *reader)
{
	if (reader->not_shown[true] > 0)
		report(reader, true,
		    "%s: %u more problems like these are not shown",
		    reader->path, reader->not_shown[true]);
	if (reader->not_shown[false] > 0)
		report(reader, false,
		    "%s: warning: %u more warnings like these are not shown",
		    reader->path, reader->not_shown[false]);
}

static void
report_at(struct reader *reader, bool fatal, struct json5_position position,
    const char *path, const char *reason)
{
	report(reader, fatal, "%s:%u:%u: %s%s%s%s", reader->path, position.line,
	    position.column, path, *path ? ": " : "",
	    fatal ? "" : "warning: ", reason);
}

static void __attribute__((format(printf, 4, 0)))
report_value(struct reader *reader, bool fatal, const struct json5 *value,
    const char *format, va_list arguments)
{
	char reason[512];

	if (!is_shown(reader, fatal, format))
		return;
	vsnprintf(reason, sizeof(reason), format, arguments);
	if (value)
		report_at(reader, fatal, json5_position(value),
		    json5_path(value), reason);
	else
		report(reader, fatal, "%s: %s%s", reader->path,
		    fatal ? "" : "warning: ", reason);
}

void
reader_fail(
    struct reader *reader, const struct json5 *value, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report_value(reader, true, value, format, arguments);
	va_end(arguments);
}

void
reader_warn(
    struct reader *reader, const struct json5 *value, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report_value(reader, false, value, format, arguments);
	va_end(arguments);
}

static void
report_unknown(struct reader *reader, const struct json5 *member,
    const char *const known[])
{
	static const char unknown[] = "this key is unknown";
	const char *meant;
	char reason[128];

	if (!is_shown(reader, true, unknown))
		return;
	meant = suggest_word(json5_key(member), known);
	snprintf(reason, sizeof(reason), "%s", unknown);
	if (meant)
		snprintf(reason, sizeof(reason),
		    "this key is unknown; did you mean \"%s\"?", meant);
	report_at(reader, true, json5_key_position(member), json5_path(member),
	    reason);
}

/* A mistyped "acl" that nobody reads would let everybody in. */
void
reader_refuse_unknown(struct reader *reader, const struct json5 *object,
    const char *const known[])
{
	const struct json5 *member = NULL;

	while ((member = json5_unexpected(object, known, member)))
		report_unknown(reader, member, known);
}

bool
reader_expect(
    struct reader *reader, const struct json5 *value, enum json5_type type)
{
	if (json5_type(value) == type)
		return true;
	reader_fail(reader, value, "this must be %s, not %s",
	    json5_type_name(type), json5_type_name(json5_type(value)));
	return false;
}

void
reader_require(
    struct reader *reader, const struct json5 *object, const char *key)
{
	const struct json5 *value = json5_member(object, key);
	const char *path = json5_path(object);
	char key_path[256];

	if (value && json5_type(value) != JSON5_NULL)
		return;
	snprintf(
	    key_path, sizeof(key_path), "%s%s%s", path, *path ? "." : "", key);
	report_at(reader, true, json5_position(object), key_path,
	    "this key is required");
}

const char *
reader_text(struct reader *reader, const struct json5 *value)
{
	size_t len;
	const char *text;

	if (!reader_expect(reader, value, JSON5_STRING))
		return NULL;
	text = json5_string(value, &len);
	if (strlen(text) == len)
		return text;
	reader_fail(reader, value, "there is a NUL character in this string");
	return NULL;
}

/* Recognizes what people often write instead of one address. */
static const char *
find_slip(const char *text)
{
	static const char blanks[] = " \t\r\n";
	size_t len = strlen(text);

	if (strpbrk(text, ",;"))
		return "this is a list in one string; write each address as a "
		       "string of its own";
	if (len > 0 && strchr(blanks, text[len - 1]))
		return "remove the blank at its end";
	if (len > 0 && strchr(blanks, *text))
		return "remove the blank at its beginning";
	if (strpbrk(text, blanks))
		return "there is a blank in it; write each address as a string "
		       "of its own";
	return NULL;
}

void
reader_fail_address(struct reader *reader, const struct json5 *value,
    const char *text, const char *wrong)
{
	const char *slip = find_slip(text);

	reader_fail(reader, value, "\"%.80s\": %s", text, slip ? slip : wrong);
}

void
reader_fail_memory(struct reader *reader)
{
	report(reader, true, "%s: %s", reader->path, strerror(ENOMEM));
}

void *
reader_allocate(struct reader *reader, size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		reader_fail_memory(reader);
	return memory;
}

/* Returns the length, or -1 after reporting why not. */
static ssize_t
read_file(struct reader *reader, char *text)
{
	int fd = open(reader->path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : 1;
	struct stat status;
	size_t len = 0;

	if (fd >= 0 && fstat(fd, &status) == 0)
		reader->mode = status.st_mode;
	while (got > 0 && len <= FILE_MAX_LEN) {
		got = read(fd, text + len, FILE_MAX_LEN + 1 - len);
		len += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		report(reader, true, "%s: cannot %s: %s", reader->path,
		    fd < 0 ? "open" : "read", strerror(errno));
	else if (len > FILE_MAX_LEN)
		report(reader, true, "%s: this is larger than 16 MiB",
		    reader->path);
	if (fd >= 0)
		close(fd);
	return reader->failed ? -1 : (ssize_t)len;
}

static void
report_syntax(struct reader *reader, const char *text, size_t len,
    const struct json5_error *error)
{
	const char *dialect = dialect_guess(text, len);
	char reason[128];

	if (dialect)
		snprintf(reason, sizeof(reason),
		    "this is not JSON5: it looks like %s; a configuration is "
		    "an object in { }",
		    dialect);
	report_at(reader, true, error->position, dialect ? "" : error->path,
	    dialect ? reason : error->reason);
}

/*
 * Pages of its own: only those that the file fills are touched, and munmap(2)
 * takes the secrets away with them. malloc(3) would keep the memory, and calloc
 * would touch all of it, from the second file on (mallopt(3),
 * M_MMAP_THRESHOLD).
 */
static char *
open_buffer(struct reader *reader)
{
	char *text = mmap(NULL, FILE_MAX_LEN + 1, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (text != MAP_FAILED)
		return text;
	reader_fail_memory(reader);
	return NULL;
}

struct json5 *
reader_load(struct reader *reader)
{
	char *text = open_buffer(reader);
	struct json5 *root = NULL;
	struct json5_error error;
	ssize_t len;

	if (!text)
		return NULL;
	len = read_file(reader, text);
	if (len >= 0) {
		root = json5_parse(text, (size_t)len, &error);
		if (!root)
			report_syntax(reader, text, (size_t)len, &error);
	}
	munmap(text, FILE_MAX_LEN + 1);
	return root;
}
