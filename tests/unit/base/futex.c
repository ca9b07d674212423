#include "base/futex.h"

#include "base/deadline.h"
#include "base/thread.h"
#include "suite.h"

#define LIMIT_MS 20

static atomic_uint word, woken;

START_TEST(a_wait_ends_at_its_deadline)
{
	int64_t deadline = deadline_after(LIMIT_MS);

	while (futex_wait(&word, 0, deadline)) {
	}
	ck_assert_int_eq(deadline_left(deadline), 0);
}
END_TEST

START_TEST(a_deadline_that_has_passed_is_none_to_wait_for)
{
	ck_assert(!futex_wait(&word, 0, deadline_now() - 1));
}
END_TEST

START_TEST(another_value_is_not_waited_for)
{
	ck_assert(futex_wait(&word, 1, DEADLINE_NEVER));
}
END_TEST

static void
await_word(void *argument)
{
	(void)argument;
	while (!atomic_load(&word))
		futex_wait(&word, 0, DEADLINE_NEVER);
	atomic_store(&woken, 1);
	futex_wake(&woken);
}

START_TEST(a_wait_without_a_deadline_ends_with_a_wake_up)
{
	ck_assert_int_eq(thread_start(await_word, NULL), 0);
	/* Let it fall asleep; if it does not, there is less to see. */
	futex_wait(&woken, 0, deadline_after(LIMIT_MS));
	ck_assert_uint_eq(atomic_load(&woken), 0);
	atomic_store(&word, 1);
	futex_wake(&word);
	while (!atomic_load(&woken))
		futex_wait(&woken, 0, DEADLINE_NEVER);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("futex");
	TCase *waits = tcase_create("waits");

	tcase_add_test(waits, a_wait_ends_at_its_deadline);
	tcase_add_test(waits, a_deadline_that_has_passed_is_none_to_wait_for);
	tcase_add_test(waits, another_value_is_not_waited_for);
	tcase_add_test(waits, a_wait_without_a_deadline_ends_with_a_wake_up);
	suite_add_tcase(suite, waits);
	return suite;
}
