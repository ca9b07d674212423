#include "status/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "status/answer.h"
#include "suite.h"

static char *printed;

static const char *
print(const char *answer)
{
	struct json_object *object = json_tokener_parse(answer);
	size_t len;
	FILE *out = open_memstream(&printed, &len);

	ck_assert_ptr_nonnull(object);
	metrics_print(object, out);
	fclose(out);
	json_object_put(object);
	return printed;
}

static void
free_printed(void)
{
	free(printed);
}

START_TEST(series_have_the_half_and_its_listener)
{
	print("{\"half\":\"server\",\"version\":\"1.2\",\"listeners\":"
	      "[\"[::]:21829\"],\"refusal_reasons\":[\"denied\",\"gone\"],"
	      "\"users\":[{\"user\":\"alice\",\"sent\":5,"
	      "\"refused\":{\"denied\":2}}]}");
	ck_assert_ptr_nonnull(strstr(printed,
	    "# HELP srcproxy_bytes_total Bytes that the user has sent and "
	    "received.\n"
	    "# TYPE srcproxy_bytes_total counter\n"
	    "srcproxy_bytes_total{half=\"server\",listen=\"[::]:21829\","
	    "user=\"alice\",direction=\"sent\"} 5\n"));
	ck_assert_ptr_nonnull(strstr(printed,
	    "srcproxy_refused_total{half=\"server\",listen=\"[::]:21829\","
	    "user=\"alice\",reason=\"denied\"} 2\n"
	    "srcproxy_refused_total{half=\"server\",listen=\"[::]:21829\","
	    "user=\"alice\",reason=\"gone\"} 0\n"));
	ck_assert_str_eq(printed + strlen(printed) - 7, "\n# EOF\n");
}
END_TEST

START_TEST(labels_are_escaped)
{
	print("{\"half\":\"server\",\"version\":\"a\\\"b\\\\c\\nd\"}");
	ck_assert_ptr_nonnull(
	    strstr(printed, ",version=\"a\\\"b\\\\c\\nd\"} 1\n"));
}
END_TEST

static int
read_answer(const char *text, size_t len, struct json_object **answer)
{
	int ends[2], error;

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], text, len), len);
	close(ends[1]);
	error = answer_read(ends[0], answer);
	close(ends[0]);
	return error;
}

START_TEST(an_answer_that_ends_early_is_none)
{
	const char text[] = "{\"half\":\"server\",\"users\":[{}]}";
	struct json_object *answer;

	for (size_t len = 0; len < sizeof(text) - 1; len++)
		ck_assert_int_eq(read_answer(text, len, &answer), -EPROTO);
	ck_assert_int_eq(read_answer("[]", 2, &answer), -EPROTO);
	ck_assert_int_eq(read_answer(text, sizeof(text) - 1, &answer), 0);
	ck_assert_str_eq(answer_text(answer, "half"), "server");
	json_object_put(answer);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("metrics");
	TCase *form = tcase_create("form");

	tcase_add_checked_fixture(form, NULL, free_printed);
	tcase_add_test(form, series_have_the_half_and_its_listener);
	tcase_add_test(form, labels_are_escaped);
	tcase_add_test(form, an_answer_that_ends_early_is_none);
	suite_add_tcase(suite, form);
	return suite;
}
