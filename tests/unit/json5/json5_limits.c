#include "json5/json5.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "json5_text.h"
#include "suite.h"

#define MEBIBYTE (1024 * 1024)

/* Only the shadow memory of a sanitizer is this large. */
#define SANITIZED ((rlim_t)1 << 40)

START_TEST(a_text_that_json_c_cannot_count_is_refused)
{
	struct json5_error error;

	ck_assert_ptr_null(json5_parse("", INT_MAX, &error));
	ck_assert_str_eq(error.reason, "the text is too long");
	json5_text_assert_position(error.position, 1, 1);
	ck_assert_str_eq(error.path, "");
}
END_TEST

/* The text ends at the end of its page, and neither page is writable. */
START_TEST(every_truncation_is_refused)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t full_len = JSON5_TEXT_SAMPLE_LEN;
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pages, MAP_FAILED);
	ck_assert_int_eq(mprotect(pages + page, page, PROT_NONE), 0);
	for (size_t len = 0; len <= full_len; len++) {
		char *text = pages + page - len;
		struct json5_error error = { .reason = "" };
		struct json5 *root;

		mprotect(pages, page, PROT_READ | PROT_WRITE);
		memcpy(text, json5_text_sample, len);
		mprotect(pages, page, PROT_READ);
		root = json5_parse(text, len, &error);
		ck_assert_msg(!root == (len < full_len), "%zu bytes", len);
		ck_assert(root || error.reason[0]);
		json5_destroy(root);
	}
	munmap(pages, 2 * page);
}
END_TEST

START_TEST(no_changed_byte_does_harm)
{
	char text[JSON5_TEXT_SAMPLE_LEN + 1];

	memcpy(text, json5_text_sample, sizeof(text));
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (int byte = 0; byte <= UCHAR_MAX; byte++) {
			struct json5_error error = { .reason = "" };
			struct json5 *root;

			text[i] = (char)byte;
			root = json5_text_parse(text, sizeof(text) - 1, &error);
			ck_assert(root ||
			    (error.reason[0] && error.position.line > 0 &&
				error.position.column > 0));
			json5_destroy(root);
		}
		text[i] = json5_text_sample[i];
	}
}
END_TEST

#define HUNGRY_COUNT 4 /* the first ones, whose trees are far larger */

/* A document: begin, then middle again and again, then end. */
static const struct {
	const char *begin, *middle, *end;
	const char *reason; /* NULL: it is valid */
} large[] = {
	{ "{", "key%u:1,", "}", NULL },
	{ "{", "'\\u006bey%u':{},", "}", NULL },
	{ "[", "%u,", "]", NULL },
	{ "[", "[],", "]", NULL },
	{ "{a:['", "x", "']}", NULL },
	{ "[", "\n", "]", NULL },
	{ "", "[", "", "nested more than 64 levels deep" },
	{ "{", "{", "", "expected a key or '}' but found '{'" },
	{ "'", "\\u4e2d", "'", NULL },
	{ "'", "\\\n", "'", NULL },
	{ "'", "x", "", "this string has no end" },
	{ "{", "k", ":1}", NULL },
	{ "{", "\\u0061", ":1}", NULL },
	{ "1", "0", "", NULL },
	{ "0x1", "0", "", NULL },
	{ "0.", "7", "", NULL },
	{ "0e", "9", "", NULL },
	{ "0x", "f", "g", "expected the end of the number but found 'g'" },
	{ "/*", "*", "/1", NULL },
	{ "/*", "/", "", "this comment has no end" },
	{ "", "/**/", "1", NULL },
	{ "", "//\n", "1", NULL },
};

static char *
large_create(int i, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	ck_assert_ptr_nonnull(out);
	fputs(large[i].begin, out);
	for (unsigned number = 0; ftell(out) < MEBIBYTE; number++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		fprintf(out, large[i].middle, number);
#pragma GCC diagnostic pop
	}
	fputs(large[i].end, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

START_TEST(large_documents_take_no_time)
{
	struct json5_error error;
	struct json5 *root;
	char *text;
	size_t len;

	text = large_create(_i, &len);
	root = json5_text_parse(text, len, &error);
	ck_assert_msg(
	    !root == !!large[_i].reason, "%s", root ? "valid" : error.reason);
	if (!root)
		ck_assert_str_eq(error.reason, large[_i].reason);
	json5_destroy(root);
	free(text);
}
END_TEST

/*
 * Data as RLIMIT_DATA counts it, with the stack (proc_pid_statm(5), field 6).
 */
static rlim_t
data_in_use(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	char line[128], *field = line;

	ck_assert_ptr_nonnull(statm);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), statm));
	fclose(statm);
	for (int i = 1; i < 6; i++) {
		field = strchr(field, ' ');
		ck_assert_ptr_nonnull(field);
		field++;
	}
	return strtoul(field, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

START_TEST(memory_that_runs_out_is_an_error)
{
	struct json5_error error;
	struct rlimit limit, tight;
	struct json5 *root;
	char *text;
	size_t len;

	text = large_create(_i, &len);
	ck_assert_int_eq(getrlimit(RLIMIT_DATA, &limit), 0);
	tight = limit;
	/* The scanner gets its buffer, but the tree will not fit. */
	tight.rlim_cur = data_in_use() + 3 * MEBIBYTE;
	if (tight.rlim_cur < SANITIZED) {
		ck_assert_int_eq(setrlimit(RLIMIT_DATA, &tight), 0);
		root = json5_parse(text, len, &error);
		ck_assert_int_eq(setrlimit(RLIMIT_DATA, &limit), 0);
		ck_assert_ptr_null(root);
		ck_assert_str_eq(error.reason, "out of memory");
		ck_assert_uint_gt(error.position.column, 1);
	}
	free(text);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("json5_limits");
	TCase *memory = tcase_create("memory");
	TCase *size = tcase_create("size");
	TCase *harm = tcase_create("harm");

	/* First: with CK_FORK=no the others leave a large heap behind. */
	tcase_add_loop_test(
	    memory, memory_that_runs_out_is_an_error, 0, HUNGRY_COUNT);
	suite_add_tcase(suite, memory);

	/* Tens of milliseconds each; half a second under sanitizers. */
	tcase_set_timeout(size, 10);
	tcase_add_loop_test(
	    size, large_documents_take_no_time, 0, COUNT(large));
	suite_add_tcase(suite, size);

	/* Many documents: slow under sanitizers. */
	tcase_set_timeout(harm, 60);
	tcase_add_test(harm, every_truncation_is_refused);
	tcase_add_test(harm, no_changed_byte_does_harm);
	tcase_add_test(harm, a_text_that_json_c_cannot_count_is_refused);
	suite_add_tcase(suite, harm);
	return suite;
}
