#include "status/view.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define ANSWER(started_at, users) \
	"{\"started_at\":" started_at ",\"users\":[" users "]}"
#define USER(name, received, rate)                      \
	"{\"user\":\"" name "\",\"received\":" received \
	",\"received_rate\":" rate "}"

/* The text is the caller's. */
static char *
show(const char *answer, const char *before)
{
	struct json_object *now = json_tokener_parse(answer);
	struct json_object *then = json_tokener_parse(before);
	struct screen screen = { .width = SIZE_MAX, .height = 20 };
	char *text;
	size_t len;

	ck_assert_ptr_nonnull(now);
	screen.out = open_memstream(&text, &len);
	view_print_live(now, then, 2, &screen);
	fclose(screen.out);
	json_object_put(now);
	json_object_put(then);
	return text;
}

static const char before[] = ANSWER("7", USER("bob", "1000", "3"));

START_TEST(rates_are_those_since_the_answer_before)
{
	char *text = show(ANSWER("7", USER("bob", "1500", "3")), before);

	ck_assert_ptr_nonnull(strstr(text, " 250 B/s "));
	free(text);
}
END_TEST

/* Its users may be others at the same places. */
START_TEST(rates_of_another_process_are_its_own)
{
	char *text =
	    show(ANSWER("8",
		     USER("alice", "9999", "3") "," USER("bob", "1500", "4")),
		before);

	ck_assert_ptr_nonnull(strstr(text, " 3 B/s "));
	ck_assert_ptr_nonnull(strstr(text, " 4 B/s "));
	free(text);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("view");
	TCase *live = tcase_create("live");

	tcase_add_test(live, rates_are_those_since_the_answer_before);
	tcase_add_test(live, rates_of_another_process_are_its_own);
	suite_add_tcase(suite, live);
	return suite;
}
