#include "json5/json5.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "json5_text.h"
#include "suite.h"

/* In place of json-c's, by --wrap: see meson.build. */
static unsigned delete_callbacks, put_objects, put_marks;

int __real_json_object_put(struct json_object *object);
int __wrap_json_object_put(struct json_object *object);
void __real_json_object_set_userdata(struct json_object *object, void *userdata,
    json_object_delete_fn *user_delete);
void __wrap_json_object_set_userdata(struct json_object *object, void *userdata,
    json_object_delete_fn *user_delete);

void
__wrap_json_object_set_userdata(struct json_object *object, void *userdata,
    json_object_delete_fn *user_delete)
{
	delete_callbacks += user_delete != NULL;
	__real_json_object_set_userdata(object, userdata, user_delete);
}

/* Counts the objects, and of them those that still have userdata. */
static void
count_objects(struct json_object *object)
{
	put_objects++;
	put_marks += json_object_get_userdata(object) != NULL;
	if (json_object_is_type(object, json_type_array))
		for (size_t i = 0; i < json_object_array_length(object); i++)
			count_objects(json_object_array_get_idx(object, i));
	if (json_object_is_type(object, json_type_object)) {
		json_object_object_foreach(object, key, member)
		{
			(void)key;
			count_objects(member);
		}
	}
}

int
__wrap_json_object_put(struct json_object *object)
{
	if (object)
		count_objects(object);
	return __real_json_object_put(object);
}

START_TEST(the_sample_holds_what_it_says)
{
	struct json5 *root = json5_text_parse_string(json5_text_sample);

	json5_text_assert_renders(root,
	    "{\"listen\":\":21829\",\"single\":\"it's\","
	    "\"$_a\":[1,~,~,31,~,~,~,null],"
	    "\"key\":{\"on\":true,\"off\":false,\"none\":{},\"empty\":[]},"
	    "\"long\":\"one  two <f0><9f><98><80><00>\","
	    "\"last\":9007199254740993}");
	json5_destroy(root);
}
END_TEST

static const struct {
	const char *text; /* its first value of all, as deep as it goes */
	unsigned key_line, key_column, line, column;
	const char *path;
} places[] = {
	{ "1", 1, 1, 1, 1, "" },
	{ " \n  'x'", 2, 3, 2, 3, "" },
	{ "\ufeff{}", 1, 2, 1, 2, "" },
	{ "[ -1]", 1, 3, 1, 3, "[0]" },
	{ "{a:1}", 1, 2, 1, 4, "a" },
	{ "{ 'a' // x\n:\n\t[]}", 1, 3, 3, 2, "a" },
	{ "{\u00e9\u4e2d: null}", 1, 2, 1, 6, "[\"\u00e9\u4e2d\"]" },
	{ "/*\U0001f600*/[/*\u00e9*/{}]", 1, 12, 1, 12, "[0]" },
	{ "{'\u20ac\\\r\n\u20ac': 'x'}", 1, 2, 2, 5, "[\"\u20ac\u20ac\"]" },
	{ "{acl:[{ip:['x']}]}", 1, 12, 1, 12, "acl[0].ip[0]" },
	{ "{a:{$_1:{b:0}}}", 1, 10, 1, 12, "a.$_1.b" },
	{ "{\\u0061:{'b':0}}", 1, 10, 1, 14, "a.b" },
	{ "{'':0}", 1, 2, 1, 5, "[\"\"]" },
	{ "{'odd key':{a:0}}", 1, 13, 1, 15, "[\"odd key\"].a" },
	{ "{a:{'1':0}}", 1, 5, 1, 9, "a[\"1\"]" },
	{ "{'0':{'9':0}}", 1, 7, 1, 11, "[\"0\"][\"9\"]" },
	{ "{'a.b':0}", 1, 2, 1, 8, "[\"a.b\"]" },
	{ "{'\"\\\\':0}", 1, 2, 1, 8, "[\"\\\"\\\\\"]" },
	{ "{'a\\n\\x1b\\x7f\\u0085\\u202e\\ufeff\\xa0':0}", 1, 2, 1, 38,
	    "[\"a\\u000a\\u001b\\u007f\\u0085\\u202e\\ufeff\\u00a0\"]" },
	{ "{'\\x80\\x9f\\u200b\\u200f\\u2029\\u202a\\u2060\\u206f':0}", 1, 2, 1,
	    49,
	    "[\"\\u0080\\u009f\\u200b\\u200f\\u2029\\u202a\\u2060\\u206f\"]" },
	{ "{'!~\u00a1\u2010\u2027\u2070\U0001f600':0}", 1, 2, 1, 12,
	    "[\"!~\u00a1\u2010\u2027\u2070\U0001f600\"]" },
	{ "{a234567890b234567890c234567890d234567890:0}", 1, 2, 1, 43,
	    "a234567890b234567890c234567890d234567890" },
	{ "{a234567890b234567890c234567890d234567890e:[0]}", 1, 45, 1, 45,
	    "[\"a234567890b234567890c234567890d234567890...\"][0]" },
	{ "{' 234567890b234567890c234567890d234567890e':0}", 1, 2, 1, 46,
	    "[\" 234567890b234567890c234567890d234567890...\"]" },
	/* Three keys of 40 characters fill 122 bytes of the 127. */
	{ "{a234567890b234567890c234567890d234567890:"
	  "{a234567890b234567890c234567890d234567890:"
	  "{a234567890b234567890c234567890d234567890:{a:1}}}}",
	    1, 128, 1, 130,
	    "a234567890b234567890c234567890d234567890."
	    "a234567890b234567890c234567890d234567890."
	    "a234567890b234567890c234567890d234567890.a" },
	{ "{a234567890b234567890c234567890d234567890:"
	  "{a234567890b234567890c234567890d234567890:"
	  "{a234567890b234567890c234567890d234567890:{abc:[[1]]}}}}",
	    1, 134, 1, 134,
	    "a234567890b234567890c234567890d234567890."
	    "a234567890b234567890c234567890d234567890."
	    "a234567890b234567890c234567890d234567890...." },
	{ "{a234567890b234567890c234567890d234567890:"
	  "{a234567890b234567890c234567890d234567890:"
	  "{a234567890b234567890c234567890d234567890:{ab:1}}}}",
	    1, 128, 1, 131,
	    "a234567890b234567890c234567890d234567890."
	    "a234567890b234567890c234567890d234567890."
	    "a234567890b234567890c234567890d234567890...." },
	/* What comes behind a cut is never shown, however short. */
	{ "{a234567890b234567890c234567890d234567890:"
	  "{a234567890b234567890c234567890d234567890:"
	  "{abcdef:{a234567890b234567890c234567890d234567890:{a:[1]}}}}}",
	    1, 139, 1, 139,
	    "a234567890b234567890c234567890d234567890."
	    "a234567890b234567890c234567890d234567890.abcdef...." },
	{ "{a234567890b234567890c234567890d234567890:"
	  "{a234567890b234567890c234567890d234567890:"
	  "{'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\\x01':1}}}",
	    1, 86, 1, 129,
	    "a234567890b234567890c234567890d234567890."
	    "a234567890b234567890c234567890d234567890"
	    "[\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..." },
};

START_TEST(values_know_their_place_and_path)
{
	struct json5 *root = json5_text_parse_string(places[_i].text);
	const char *const known[] = { NULL };
	const struct json5 *value = root;

	while (json5_count(value) > 0)
		value = json5_type(value) == JSON5_ARRAY
		    ? json5_item(value, 0)
		    : json5_unexpected(value, known, NULL);
	ck_assert_str_eq(json5_path(value), places[_i].path);
	json5_text_assert_position(json5_key_position(value),
	    places[_i].key_line, places[_i].key_column);
	json5_text_assert_position(
	    json5_position(value), places[_i].line, places[_i].column);
	json5_destroy(root);
}
END_TEST

static const struct {
	const char *text;
	enum json5_type type;
	const char *name;
} types[] = {
	{ "null", JSON5_NULL, "null" },
	{ "true", JSON5_BOOLEAN, "a boolean" },
	{ "0x10", JSON5_INTEGER, "an integer" },
	{ "1e3", JSON5_NUMBER, "a number" },
	{ "'1'", JSON5_STRING, "a string" },
	{ "[1]", JSON5_ARRAY, "an array" },
	{ "{a:1}", JSON5_OBJECT, "an object" },
};

START_TEST(a_value_is_of_its_type_and_no_other)
{
	struct json5 *root = json5_text_parse_string(types[_i].text);
	enum json5_type type = json5_type(root);
	const char *const known[] = { NULL };
	int64_t integer = 42;
	bool truth = false;
	size_t len = 42;

	ck_assert_int_eq(type, types[_i].type);
	ck_assert_str_eq(json5_type_name(type), types[_i].name);
	ck_assert(json5_boolean(root, &truth) == (type == JSON5_BOOLEAN));
	ck_assert(json5_integer(root, &integer) == (type == JSON5_INTEGER));
	ck_assert(!json5_string(root, &len) == (type != JSON5_STRING));
	ck_assert(truth == (type == JSON5_BOOLEAN));
	ck_assert_int_eq(integer, type == JSON5_INTEGER ? 16 : 42);
	ck_assert_uint_eq(len, type == JSON5_STRING ? 1 : 42);
	ck_assert_uint_eq(json5_count(root), type >= JSON5_ARRAY);
	ck_assert(!json5_item(root, 0) == (type != JSON5_ARRAY));
	ck_assert(!json5_member(root, "a") == (type != JSON5_OBJECT));
	ck_assert(
	    !json5_unexpected(root, known, NULL) == (type != JSON5_OBJECT));
	ck_assert_ptr_null(json5_key(root));
	json5_destroy(root);
}
END_TEST

START_TEST(items_and_members_are_found)
{
	struct json5 *root = json5_text_parse_string("{list:[1,'x'],'':2}");
	const struct json5 *list = json5_member(root, "list");

	ck_assert_ptr_nonnull(list);
	ck_assert_str_eq(json5_key(list), "list");
	ck_assert_str_eq(json5_key(json5_member(root, "")), "");
	ck_assert_ptr_null(json5_member(root, "List"));
	ck_assert_uint_eq(json5_count(list), 2);
	ck_assert_str_eq(json5_string(json5_item(list, 1), NULL), "x");
	ck_assert_ptr_null(json5_key(json5_item(list, 1)));
	ck_assert_ptr_null(json5_item(list, 2));
	ck_assert_ptr_null(json5_item(list, SIZE_MAX));
	json5_destroy(root);
}
END_TEST

START_TEST(the_first_unexpected_member_is_named)
{
	const char *const known[] = { "b", "a", NULL };
	const char *const all[] = { "z", "y", "a", "b", NULL };
	const char *const none[] = { NULL };
	struct json5 *root = json5_text_parse_string("{a:1,z:2,b:3,y:4}");

	ck_assert_str_eq(json5_key(json5_unexpected(root, known, NULL)), "z");
	ck_assert_str_eq(json5_key(json5_unexpected(root, none, NULL)), "a");
	ck_assert_ptr_null(json5_unexpected(root, all, NULL));
	json5_destroy(root);
}
END_TEST

START_TEST(a_string_may_hold_nul)
{
	struct json5 *root = json5_text_parse_string("'a\\0b\\x00'");
	const char *string;
	size_t len;

	string = json5_string(root, &len);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(string, "a\0b\0", 5);
	json5_destroy(root);
}
END_TEST

/*
 * json-c 0.19 may call a callback twice, and follows userdata of others.
 */
START_TEST(json_c_frees_no_object_with_a_callback_or_userdata)
{
	struct json5_error error;

	delete_callbacks = put_objects = put_marks = 0;
	json5_destroy(json5_text_parse_string(json5_text_sample));
	ck_assert_uint_eq(put_objects, 19);
	for (size_t len = 0; len < JSON5_TEXT_SAMPLE_LEN; len++)
		ck_assert_ptr_null(
		    json5_text_parse(json5_text_sample, len, &error));
	ck_assert_uint_gt(put_objects, 19);
	ck_assert_uint_eq(delete_callbacks, 0);
	ck_assert_uint_eq(put_marks, 0);
}
END_TEST

START_TEST(nothing_can_be_destroyed)
{
	json5_destroy(NULL);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("json5_values");
	TCase *values = tcase_create("values");

	tcase_add_test(values, the_sample_holds_what_it_says);
	tcase_add_loop_test(
	    values, values_know_their_place_and_path, 0, COUNT(places));
	tcase_add_loop_test(
	    values, a_value_is_of_its_type_and_no_other, 0, COUNT(types));
	tcase_add_test(values, items_and_members_are_found);
	tcase_add_test(values, the_first_unexpected_member_is_named);
	tcase_add_test(values, a_string_may_hold_nul);
	tcase_add_test(
	    values, json_c_frees_no_object_with_a_callback_or_userdata);
	tcase_add_test(values, nothing_can_be_destroyed);
	suite_add_tcase(suite, values);
	return suite;
}
