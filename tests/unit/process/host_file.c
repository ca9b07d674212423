#include "process/host_file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

/* A directory with one file. */
static char root[64], text[HOST_FILE_MAX_LEN];

static void
write_file(const char *content)
{
	char path[128];
	FILE *file;

	sprintf(path, "%s/file", root);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(content, file);
	fclose(file);
}

static void
open_root(void)
{
	strcpy(root, "/tmp/srcproxy-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	memset(text, 'x', sizeof(text));
}

static void
close_root(void)
{
	char path[128];

	sprintf(path, "%s/file", root);
	unlink(path);
	rmdir(root);
}

START_TEST(a_file_is_read_whole)
{
	write_file("one\ntwo\n");
	ck_assert(host_file_read(root, "/file", text));
	ck_assert_str_eq(text, "one\ntwo\n");
	write_file("");
	ck_assert(host_file_read(root, "/file", text));
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(of_a_long_file_the_beginning_is_read)
{
	char content[HOST_FILE_MAX_LEN + 100];

	memset(content, 'a', sizeof(content) - 1);
	content[sizeof(content) - 1] = '\0';
	write_file(content);
	ck_assert(host_file_read(root, "/file", text));
	ck_assert_uint_eq(strlen(text), HOST_FILE_MAX_LEN - 1);
}
END_TEST

START_TEST(what_cannot_be_read_is_no_file)
{
	char path[HOST_FILE_MAX_LEN];
	size_t number = 7;

	ck_assert(!host_file_read(root, "/none", text));
	ck_assert(!host_file_number(root, "/none", &number));
	/* A directory can be opened. */
	ck_assert(!host_file_read(root, "/", text));
	/* Longer than any path; the file with the truncated path exists. */
	memset(path, '/', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	ck_assert(!host_file_read(root, path, text));
	ck_assert_uint_eq(number, 7);
}
END_TEST

START_TEST(no_descriptor_stays_open)
{
	int before = dup(0);

	close(before);
	write_file("1\n");
	ck_assert(host_file_read(root, "/file", text));
	ck_assert(!host_file_read(root, "/", text));
	ck_assert_int_eq(dup(0), before);
}
END_TEST

static const struct {
	const char *content;
	bool is_number;
	size_t number;
} numbers[] = {
	{ "0\n", true, 0 },
	{ "4096\n", true, 4096 },
	{ "12 34\n", true, 12 },
	{ "max\n", false, 0 },
	{ "", false, 0 },
	{ "\n", false, 0 },
	/* Treated as no limit. */
	{ "99999999999999999999999\n", sizeof(size_t) == sizeof(long long),
	    SIZE_MAX },
};

START_TEST(a_file_may_begin_with_a_number)
{
	size_t number = 7;

	write_file(numbers[_i].content);
	ck_assert_int_eq(
	    host_file_number(root, "/file", &number), numbers[_i].is_number);
	ck_assert_uint_eq(
	    number, numbers[_i].is_number ? numbers[_i].number : 7);
}
END_TEST

static const struct {
	const char *content, *name;
	bool is_there;
	size_t number;
} fields[] = {
	{ "MemTotal:  12 kB\nMemFree:  34 kB\n", "MemTotal:", true, 12 },
	{ "MemTotal:  12 kB\nMemFree:  34 kB\n", "MemFree:", true, 34 },
	{ "MemTotal:  12 kB\nMemFree:  34 kB", "MemFree:", true, 34 },
	{ "inactive_file 1\nactive_file 2\n", "active_file ", true, 2 },
	{ "active_file 2\nactive_file 3\n", "active_file ", true, 2 },
	{ "Name:\tUid:\t5\nUid:\t6\t7\n", "Uid:", true, 6 },
	{ "MemTotal:  12 kB\n", "MemFree:", false, 0 },
	{ "MemTotal:  12 kB\n", "Total:", false, 0 },
	{ "Mem", "MemTotal:", false, 0 },
	{ "", "MemTotal:", false, 0 },
	{ "MemTotal: none\n", "MemTotal:", false, 0 },
};

START_TEST(a_field_is_what_a_line_begins_with)
{
	size_t number = 7;

	ck_assert_int_eq(
	    host_file_field(fields[_i].content, fields[_i].name, &number),
	    fields[_i].is_there);
	ck_assert_uint_eq(number, fields[_i].is_there ? fields[_i].number : 7);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("host_file");
	TCase *file = tcase_create("file");

	tcase_add_checked_fixture(file, open_root, close_root);
	tcase_add_test(file, a_file_is_read_whole);
	tcase_add_test(file, of_a_long_file_the_beginning_is_read);
	tcase_add_test(file, what_cannot_be_read_is_no_file);
	tcase_add_test(file, no_descriptor_stays_open);
	tcase_add_loop_test(
	    file, a_file_may_begin_with_a_number, 0, COUNT(numbers));
	tcase_add_loop_test(
	    file, a_field_is_what_a_line_begins_with, 0, COUNT(fields));
	suite_add_tcase(suite, file);
	return suite;
}
