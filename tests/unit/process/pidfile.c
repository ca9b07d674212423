#include "process/pidfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "capture.h"
#include "suite.h"

static char directory[64];
static char path[80];

static void
make_directory(void)
{
	strcpy(directory, "/tmp/srcproxy-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	sprintf(path, "%s/pidfile", directory);
}

static void
remove_directory(void)
{
	unlink(path);
	rmdir(directory);
}

static void
write_file(const char *content)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(content, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void
assert_content(const char *expected)
{
	char found[64] = "";
	FILE *file = fopen(path, "r");

	ck_assert_ptr_nonnull(file);
	found[fread(found, 1, sizeof(found) - 1, file)] = '\0';
	fclose(file);
	ck_assert_str_eq(found, expected);
}

START_TEST(a_file_that_is_not_there_is_made)
{
	char number[32];

	ck_assert_int_eq(pidfile_open(path), 0);
	assert_content("");
	ck_assert_int_eq(pidfile_write(), 0);
	snprintf(number, sizeof(number), "%ld\n", (long)getpid());
	assert_content(number);
	pidfile_empty();
	assert_content("");
}
END_TEST

/* Until it is written, the process that is replaced goes on with it. */
START_TEST(an_inherited_file_is_the_other_process_s_until_written)
{
	int fd;

	write_file("4711\n");
	fd = open(path, O_RDWR | O_CLOEXEC);
	pidfile_inherit(fd);
	ck_assert_int_eq(pidfile_open(path), 0);
	ck_assert_int_eq(pidfile_descriptor(), fd);
	pidfile_empty();
	assert_content("4711\n");
	ck_assert_int_eq(pidfile_write(), 0);
	pidfile_empty();
	assert_content("");
}
END_TEST

/* Otherwise its lock would forbid it to the next program. */
START_TEST(an_inherited_file_of_another_path_is_closed)
{
	int fd;

	write_file("4711\n");
	fd = open(path, O_RDWR | O_CLOEXEC);
	pidfile_inherit(fd);
	ck_assert_int_eq(pidfile_write(), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	assert_content("4711\n");
}
END_TEST

static const char *const taken_over[] = { "", "1", "4711\n", "4194304\n\n",
	"   123\n", "\t123", "123\r\n", "123 \n" };

START_TEST(an_empty_file_and_a_process_id_are_overwritten)
{
	write_file(taken_over[_i]);
	ck_assert_int_eq(pidfile_open(path), 0);
	assert_content("");
}
END_TEST

static const char *const kept[] = { "\n", "  \r\n", "-1\n", "4711 x\n",
	"47 11\n", "4711\n{ listen: \":1\" }\n", "{}", "1234567890123456",
	"12345678901234567890" };

START_TEST(any_other_file_stays_as_it_is)
{
	write_file(kept[_i]);
	ck_assert_int_eq(pidfile_open(path), -1);
	assert_content(kept[_i]);
}
END_TEST

static void
assert_refused(const char *refused, const char *reason)
{
	int log = capture_pipe(64 * 1024);
	const char *said;

	log_open(LOG_LEVEL_ERROR);
	ck_assert_int_eq(pidfile_open(refused), -1);
	said = capture_read(log);
	ck_assert_msg(strstr(said, reason), "%s", said);
	ck_assert_msg(strstr(said, "; name "), "%s", said);
}

START_TEST(a_pipe_is_refused)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	assert_refused(path, "pidfile: this is not a regular file");
}
END_TEST

START_TEST(a_link_is_refused)
{
	ck_assert_int_eq(symlink("elsewhere", path), 0);
	assert_refused(path, "pidfile: symbolic links are not followed");
}
END_TEST

static const struct {
	const char *path, *reason;
} refused[] = {
	{ "", "-p: the name of the file is empty" },
	{ "/dev/null", "/dev/null: this is not a regular file" },
	{ "/", "/: this is not a regular file" },
	{ "/no/such/folder", "cannot make /no/such/folder: No such file" },
};

START_TEST(a_path_that_cannot_be_a_pidfile_is_refused)
{
	assert_refused(refused[_i].path, refused[_i].reason);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("pidfile");
	TCase *tcase = tcase_create("pidfile");

	tcase_add_checked_fixture(tcase, make_directory, remove_directory);
	tcase_add_test(tcase, a_file_that_is_not_there_is_made);
	tcase_add_test(
	    tcase, an_inherited_file_is_the_other_process_s_until_written);
	tcase_add_test(tcase, an_inherited_file_of_another_path_is_closed);
	tcase_add_loop_test(tcase,
	    an_empty_file_and_a_process_id_are_overwritten, 0,
	    COUNT(taken_over));
	tcase_add_loop_test(
	    tcase, any_other_file_stays_as_it_is, 0, COUNT(kept));
	tcase_add_test(tcase, a_pipe_is_refused);
	tcase_add_test(tcase, a_link_is_refused);
	tcase_add_loop_test(tcase, a_path_that_cannot_be_a_pidfile_is_refused,
	    0, COUNT(refused));
	suite_add_tcase(suite, tcase);
	return suite;
}
