#include "base/digest_index.h"

#include <stdint.h>
#include <string.h>

#include "effort.h"
#include "suite.h"

#define MANY 3000

static struct digest_index numbers;
static int values[MANY];

static struct digest
digest_of(uint32_t number)
{
	struct digest digest;

	digest_compute(&number, sizeof(number), &digest);
	return digest;
}

static void
add_numbers(void)
{
	for (uint32_t i = 0; i < MANY; i++) {
		struct digest digest = digest_of(i);

		ck_assert_int_eq(
		    digest_index_add(&numbers, &digest, &values[i]), 0);
	}
}

static void
finish_numbers(void)
{
	digest_index_finish(&numbers);
}

START_TEST(each_digest_finds_its_own_value)
{
	add_numbers();
	for (uint32_t i = 0; i < MANY; i++) {
		struct digest digest = digest_of(i);

		ck_assert_ptr_eq(
		    digest_index_find(&numbers, &digest), &values[i]);
	}
}
END_TEST

START_TEST(what_was_not_added_is_not_found)
{
	struct digest digest = digest_of(MANY);

	ck_assert_ptr_null(digest_index_find(&numbers, &digest));
	add_numbers();
	ck_assert_ptr_null(digest_index_find(&numbers, &digest));
}
END_TEST

/* Which byte it is that differs must not matter. */
START_TEST(a_digest_that_differs_in_one_byte_is_not_found)
{
	struct digest digest = digest_of(7);

	add_numbers();
	digest.bytes[_i] ^= 1;
	ck_assert_ptr_null(digest_index_find(&numbers, &digest));
}
END_TEST

START_TEST(a_finished_index_is_empty)
{
	struct digest digest = digest_of(7);

	add_numbers();
	digest_index_finish(&numbers);
	ck_assert_ptr_null(digest_index_find(&numbers, &digest));
	ck_assert_uint_eq(numbers.count, 0);
}
END_TEST

/* An attacker would need the key to choose digests that share a slot. */
START_TEST(two_indices_have_different_keys)
{
	struct digest_index other = { .room = 0 };
	struct digest digest = digest_of(7);

	add_numbers();
	ck_assert_int_eq(digest_index_add(&other, &digest, &values[0]), 0);
	ck_assert_int_ne(
	    memcmp(numbers.key, other.key, DIGEST_INDEX_KEY_LEN), 0);
	digest_index_finish(&other);
}
END_TEST

static struct digest wanted;

/* Makes the same number of look-ups in each index. */
static void
look_up(unsigned size)
{
	struct digest_index index = { .room = 0 };

	for (uint32_t i = 0; i < size; i++) {
		struct digest digest = digest_of(i);

		ck_assert_int_eq(digest_index_add(&index, &digest, &index), 0);
	}
	for (unsigned i = 0; i < 4 * MANY; i++)
		ck_assert_ptr_nonnull(digest_index_find(&index, &wanted));
	digest_index_finish(&index);
}

START_TEST(looking_takes_the_same_time_however_many_there_are)
{
	double ratio;

	wanted = digest_of(5);
	/*
	 * The time includes adding them, which takes less than the look-ups.
	 * Fewer than these take less time.
	 */
	ratio = effort_ratio(look_up, 100, MANY, 6);
	ck_assert_msg(ratio < 6, "%f times as long", ratio);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("digest_index");
	TCase *numbered = tcase_create("numbered");

	tcase_add_checked_fixture(numbered, NULL, finish_numbers);
	tcase_add_test(numbered, each_digest_finds_its_own_value);
	tcase_add_test(numbered, what_was_not_added_is_not_found);
	tcase_add_loop_test(numbered,
	    a_digest_that_differs_in_one_byte_is_not_found, 0, DIGEST_LEN);
	tcase_add_test(numbered, a_finished_index_is_empty);
	tcase_add_test(
	    numbered, looking_takes_the_same_time_however_many_there_are);
	tcase_add_test(numbered, two_indices_have_different_keys);
	suite_add_tcase(suite, numbered);
	return suite;
}
