#include "json5/json5.h"

#include <json-c/json.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "suite.h"

#define TEXT(literal) literal, sizeof(literal) - 1
#define MEBIBYTE (1024 * 1024)

/* Only a sanitizer's shadow takes so many bytes. */
#define SANITIZED ((rlim_t)1 << 40)

/* A bit of everything that has a beginning and an end. */
static const char sample[] =
    "\ufeff// caf\u00e9\n"
    "{\r\n"
    "\t/* all ** kinds */ listen: \":21829\", 'single': 'it\\'s',\n"
    "\t$_\\u0061: [ +1, -.5, 5., 0x1F, 1e-3, Infinity, -NaN, null, ],\n"
    "\t\"k\\x65y\": { on: true, off: false, none: {}, empty: [] },\n"
    "\tlong: 'one \\\n two \\ud83d\\ude00\\0',\u00a0last: 9007199254740993,\n"
    "}";

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

/* A copy of its own, so that a sanitizer sees what is read behind it. */
static struct json5 *
parse(const char *text, size_t len, struct json5_error *error)
{
	char *copy = malloc(len);
	struct json5 *root;

	ck_assert(copy || len == 0);
	if (len > 0)
		memcpy(copy, text, len);
	root = json5_parse(len > 0 ? copy : "", len, error);
	free(copy);
	return root;
}

static struct json5 *
parse_good(const char *text, size_t len)
{
	struct json5_error error;
	struct json5 *root = parse(text, len, &error);

	ck_assert_msg(root, "%s: line %u, column %u: %s", text,
	    error.position.line, error.position.column, error.reason);
	return root;
}

static struct json5 *
parse_string(const char *text)
{
	return parse_good(text, strlen(text));
}

static void
assert_place(struct json5_position position, unsigned line, unsigned column)
{
	ck_assert_uint_eq(position.line, line);
	ck_assert_uint_eq(position.column, column);
}

static void
render_string(FILE *out, const char *string, size_t len)
{
	fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)string[i];

		if (byte < ' ' || byte > '~')
			fprintf(out, "<%02x>", byte);
		else
			fputc(byte, out);
	}
	fputc('"', out);
}

static void render(FILE *out, const struct json5 *value);

/* Finds the members in their order by knowing those before. */
static void
render_members(FILE *out, const struct json5 *object)
{
	const char *known[16] = { NULL };
	const struct json5 *member;

	for (int i = 0; (member = json5_unexpected(object, known, NULL)); i++) {
		ck_assert_int_lt(i, COUNT(known) - 1);
		known[i] = json5_key(member);
		fputs(i > 0 ? "," : "", out);
		render_string(out, known[i], strlen(known[i]));
		fputc(':', out);
		render(out, member);
		ck_assert_ptr_eq(json5_member(object, known[i]), member);
	}
}

/* Doubles look like ~1.5, so that 1 and 1.0 differ. */
static void
render(FILE *out, const struct json5 *value)
{
	int64_t integer;
	double number;
	bool truth;
	size_t len;

	if (json5_integer(value, &integer)) {
		fprintf(out, "%lld", (long long)integer);
	} else if (json5_double(value, &number)) {
		fprintf(out, isnan(number) ? "~nan" : "~%.17g", number);
	} else if (json5_boolean(value, &truth)) {
		fputs(truth ? "true" : "false", out);
	} else if (json5_string(value, &len)) {
		render_string(out, json5_string(value, NULL), len);
	} else if (json5_type(value) == JSON5_ARRAY) {
		fputc('[', out);
		for (size_t i = 0; i < json5_count(value); i++) {
			fputs(i > 0 ? "," : "", out);
			render(out, json5_item(value, i));
		}
		fputc(']', out);
	} else if (json5_type(value) == JSON5_OBJECT) {
		fputc('{', out);
		render_members(out, value);
		fputc('}', out);
	} else {
		ck_assert_int_eq(json5_type(value), JSON5_NULL);
		fputs("null", out);
	}
}

static void
assert_renders(const struct json5 *value, const char *expected)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	render(out, value);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(text, expected);
	free(text);
}

static const struct {
	const char *text;
	size_t len;
	const char *rendered;
} good[] = {
	/* white space and comments */
	{ TEXT(" \t\v\f\n\r1\r\n"), "1" },
	{ TEXT("\ufeff1"), "1" },
	{ TEXT("[\u00a01\u2028,\u20292]"), "[1,2]" },
	{ TEXT("\u1680\u2000\u200a\u202f\u205f\u30001"), "1" },
	{ TEXT("// a\n1// b"), "1" },
	{ TEXT("//\r1"), "1" },
	{ TEXT("// ends here\u20281"), "1" },
	{ TEXT("// ends here\u20291"), "1" },
	{ TEXT("/**/1/***/"), "1" },
	{ TEXT("/** a **/1/* // *\n/ * */"), "1" },
	{ TEXT("1/* /* */"), "1" },
	{ TEXT("{a/*:*/:/*,*/1//}\n}"), "{\"a\":1}" },
	{ TEXT("[1/**/,/**/]"), "[1]" },

	/* literals */
	{ TEXT("null"), "null" },
	{ TEXT("[true,false]"), "[true,false]" },
	{ TEXT("null//"), "null" },

	/* integers */
	{ TEXT("0"), "0" },
	{ TEXT("-0"), "0" },
	{ TEXT("+0"), "0" },
	{ TEXT("1234567890"), "1234567890" },
	{ TEXT("+15"), "15" },
	{ TEXT("-15"), "-15" },
	{ TEXT("0xdecaf"), "912559" },
	{ TEXT("0XDECAF"), "912559" },
	{ TEXT("-0xC0FFEE"), "-12648430" },
	{ TEXT("+0x00"), "0" },
	{ TEXT("-0x0"), "0" },
	{ TEXT("0x1e3"), "483" },
	{ TEXT("9007199254740993"), "9007199254740993" },
	{ TEXT("9223372036854775807"), "9223372036854775807" },
	{ TEXT("-9223372036854775808"), "-9223372036854775808" },
	{ TEXT("0x7fffffffffffffff"), "9223372036854775807" },
	{ TEXT("-0x8000000000000000"), "-9223372036854775808" },
	{ TEXT("0x00000000000000000000000000000001"), "1" },

	/* other numbers */
	{ TEXT("9223372036854775808"), "~9.2233720368547758e+18" },
	{ TEXT("-9223372036854775809"), "~-9.2233720368547758e+18" },
	{ TEXT("0xffffffffffffffff"), "~1.8446744073709552e+19" },
	{ TEXT("1.0"), "~1" },
	{ TEXT("1."), "~1" },
	{ TEXT("-1."), "~-1" },
	{ TEXT("0."), "~0" },
	{ TEXT("0.5"), "~0.5" },
	{ TEXT(".5"), "~0.5" },
	{ TEXT("+.5"), "~0.5" },
	{ TEXT("-.5"), "~-0.5" },
	{ TEXT("-0.0"), "~-0" },
	{ TEXT("1e3"), "~1000" },
	{ TEXT("1E+3"), "~1000" },
	{ TEXT("125e-03"), "~0.125" },
	{ TEXT("1.e1"), "~10" },
	{ TEXT(".5e1"), "~5" },
	{ TEXT("0e0"), "~0" },
	{ TEXT("0.1"), "~0.10000000000000001" },
	{ TEXT("1e400"), "~inf" },
	{ TEXT("Infinity"), "~inf" },
	{ TEXT("+Infinity"), "~inf" },
	{ TEXT("-Infinity"), "~-inf" },
	{ TEXT("NaN"), "~nan" },
	{ TEXT("+NaN"), "~nan" },
	{ TEXT("-NaN"), "~nan" },

	/* strings */
	{ TEXT("''"), "\"\"" },
	{ TEXT("\"it's\""), "\"it's\"" },
	{ TEXT("'say \"x\"'"), "\"say \"x\"\"" },
	{ TEXT("'\\'\\\"\\\\'"), "\"'\"\\\"" },
	{ TEXT("'\\b\\f\\n\\r\\t\\v'"), "\"<08><0c><0a><0d><09><0b>\"" },
	{ TEXT("'\\0'"), "\"<00>\"" },
	{ TEXT("'a\\0b'"), "\"a<00>b\"" },
	{ TEXT("'\\x41\\x00\\xe9\\xE9'"), "\"A<00><c3><a9><c3><a9>\"" },
	{ TEXT("'\\u0041\\u0000\\u20aC'"), "\"A<00><e2><82><ac>\"" },
	{ TEXT("'\\a\\q\\U\\/\\:\\ \\\x01'"), "\"aqU/: <01>\"" },
	{ TEXT("'\\\u00e9'"), "\"<c3><a9>\"" },
	{ TEXT("'a\\\nb'"), "\"ab\"" },
	{ TEXT("'a\\\rb'"), "\"ab\"" },
	{ TEXT("'a\\\r\nb'"), "\"ab\"" },
	{ TEXT("'a\\\u2028"
	       "b'"),
	    "\"ab\"" },
	{ TEXT("'a\\\u2029"
	       "b'"),
	    "\"ab\"" },
	{ TEXT("'\u2028\u2029'"), "\"<e2><80><a8><e2><80><a9>\"" },
	{ TEXT("'\t\x01\x7f'"), "\"<09><01><7f>\"" },
	{ TEXT("'// /* */'"), "\"// /* */\"" },
	{ TEXT("'\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf'"),
	    "\"<c2><80><df><bf><e0><a0><80><ef><bf><bf>\"" },
	{ TEXT("'\ud7ff\ue000\U00010000\U0010ffff'"),
	    "\"<ed><9f><bf><ee><80><80><f0><90><80><80><f4><8f><bf><bf>\"" },
	{ TEXT("'\\ud83d\\ude00'"), "\"<f0><9f><98><80>\"" },
	{ TEXT("'\\uDBFF\\uDFFF'"), "\"<f4><8f><bf><bf>\"" },
	{ TEXT("'\\ud800\\udc00'"), "\"<f0><90><80><80>\"" },
	{ TEXT("'\\ud83d\\\n\\ude00'"), "\"<f0><9f><98><80>\"" },
	{ TEXT("'\\ud83d'"), "\"<ef><bf><bd>\"" },
	{ TEXT("'\\ude00'"), "\"<ef><bf><bd>\"" },
	{ TEXT("'\\ud800'"), "\"<ef><bf><bd>\"" },
	{ TEXT("'\\udfff'"), "\"<ef><bf><bd>\"" },
	{ TEXT("['\\ud83d','\\ude00']"),
	    "[\"<ef><bf><bd>\",\"<ef><bf><bd>\"]" },
	{ TEXT("'\\udc00\\udc00'"), "\"<ef><bf><bd><ef><bf><bd>\"" },
	{ TEXT("'\\ud83d\\ue000'"), "\"<ef><bf><bd><ee><80><80>\"" },
	{ TEXT("'\\ud83d\\udbff'"), "\"<ef><bf><bd><ef><bf><bd>\"" },
	{ TEXT("'\\ud83dx\\ude00'"), "\"<ef><bf><bd>x<ef><bf><bd>\"" },
	{ TEXT("'\\ude00\\ud83d'"), "\"<ef><bf><bd><ef><bf><bd>\"" },
	{ TEXT("'\\ud83d\\ud83d\\ude00'"), "\"<ef><bf><bd><f0><9f><98><80>\"" },

	/* arrays and objects */
	{ TEXT("[]"), "[]" },
	{ TEXT("[1,]"), "[1]" },
	{ TEXT("[[],[[]],{}]"), "[[],[[]],{}]" },
	{ TEXT("{}"), "{}" },
	{ TEXT("{b:1,a:2,}"), "{\"b\":1,\"a\":2}" },
	{ TEXT("{a:{b:{c:[{}]}}}"), "{\"a\":{\"b\":{\"c\":[{}]}}}" },
	{ TEXT("{a:null,A:null}"), "{\"a\":null,\"A\":null}" },

	/* keys */
	{ TEXT("{$:1,_:2,$_1aZ:3}"), "{\"$\":1,\"_\":2,\"$_1aZ\":3}" },
	{ TEXT("{'':1}"), "{\"\":1}" },
	{ TEXT("{'a b':1,\"a\\nb\":2}"), "{\"a b\":1,\"a<0a>b\":2}" },
	{ TEXT("{null:1,true:2,Infinity:3,NaN:4,class:5,if:6}"),
	    "{\"null\":1,\"true\":2,\"Infinity\":3,\"NaN\":4,\"class\":5,"
	    "\"if\":6}" },
	{ TEXT("{\\u0061\\u0031\\u005F\\u0024:1}"), "{\"a1_$\":1}" },
	{ TEXT("{a\u200c\u200d:1}"), "{\"a<e2><80><8c><e2><80><8d>\":1}" },
	{ TEXT("{_\u203f\u2040\u2054\ufe33\ufe34:1}"),
	    "{\"_<e2><80><bf><e2><81><80><e2><81><94><ef><b8><b3><ef><b8><b4>"
	    "\":1}" },
	{ TEXT("{_\ufe4d\ufe4e\ufe4f\uff3f:1}"),
	    "{\"_<ef><b9><8d><ef><b9><8e><ef><b9><8f><ef><bc><bf>\":1}" },
	{ TEXT("{'__proto__':1}"), "{\"__proto__\":1}" },
	{ TEXT("{a1:1,'a1 ':2}"), "{\"a1\":1,\"a1 \":2}" },
};

START_TEST(valid_documents_are_read)
{
	struct json5 *root = parse_good(good[_i].text, good[_i].len);

	assert_renders(root, good[_i].rendered);
	json5_destroy(root);
}
END_TEST

static const char *const letters[] = {
	"\u00e9",        /* Ll, e with acute */
	"\u00c9t\u00e9", /* Lu */
	"\u01c5",        /* Lt */
	"\u02b0",        /* Lm */
	"\u00aa",        /* Lo, the ordinal */
	"\u4e2d\u6587",  /* Lo, Chinese */
	"\u2160",        /* Nl, Roman one */
	"\U00010400",    /* Deseret, beyond the first plane */
	"a\u0663",       /* Nd, Arabic three */
	"\u0905\u0903",  /* Mc, visarga behind a letter */
#ifdef __GLIBC__
	"e\u0301", /* Mn, combining acute */
#endif
};

START_TEST(letters_of_any_script_are_keys)
{
	locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	struct json5 *root;
	char text[64];

	if (!unicode)
		return;
	freelocale(unicode);
	snprintf(text, sizeof(text), "{%s:1}", letters[_i]);
	root = parse_string(text);
	ck_assert_ptr_nonnull(json5_member(root, letters[_i]));
	json5_destroy(root);
}
END_TEST

static const struct {
	const char *text;
	size_t len;
	unsigned line, column;
	const char *path, *reason;
} bad[] = {
	/* nothing, or too much */
	{ TEXT(""), 1, 1, "",
	    "expected a value but found the end of the text" },
	{ TEXT(" \n // x"), 2, 6, "",
	    "expected a value but found the end of the text" },
	{ TEXT("{\"a\":1} x"), 1, 9, "",
	    "expected the end of the text but found 'x'" },
	{ TEXT("1 2"), 1, 3, "", "expected the end of the text but found '2'" },
	{ TEXT("[]]"), 1, 3, "", "expected the end of the text but found ']'" },
	{ TEXT("1\u00e9"), 1, 2, "",
	    "expected the end of the number but found '\u00e9' (U+00E9)" },

	/* what is no text */
	{ TEXT("\0"), 1, 1, "", "the text holds a NUL byte" },
	{ TEXT("1\0"), 1, 2, "", "the text holds a NUL byte" },
	{ TEXT("{a:'\n\0'}"), 2, 1, "", "the text holds a NUL byte" },
	{ TEXT("//\0"), 1, 3, "", "the text holds a NUL byte" },
	{ TEXT("'\xff'"), 1, 2, "", "this is not UTF-8 (byte 0xFF)" },
	{ TEXT("\xfe\xff"), 1, 1, "", "this is not UTF-8 (byte 0xFE)" },
	{ TEXT("'\x80'"), 1, 2, "", "this is not UTF-8 (byte 0x80)" },
	{ TEXT("'\xc3\xa9\xc3'"), 1, 3, "", "this is not UTF-8 (byte 0xC3)" },
	{ TEXT("'\xc3"), 1, 2, "", "this is not UTF-8 (byte 0xC3)" },
	{ TEXT("'\xe2\x80"), 1, 2, "", "this is not UTF-8 (byte 0xE2)" },
	{ TEXT("'\xe2\x28\xa1'"), 1, 2, "", "this is not UTF-8 (byte 0xE2)" },
	{ TEXT("'\xbf\xbf'"), 1, 2, "", "this is not UTF-8 (byte 0xBF)" },
	{ TEXT("'\xf8\xbf\xbf\xbf'"), 1, 2, "",
	    "this is not UTF-8 (byte 0xF8)" },
	{ TEXT("'\xc0\xaf'"), 1, 2, "", "this is not UTF-8 (byte 0xC0)" },
	{ TEXT("'\xc1\xbf'"), 1, 2, "", "this is not UTF-8 (byte 0xC1)" },
	{ TEXT("'\xe0\x9f\xbf'"), 1, 2, "", "this is not UTF-8 (byte 0xE0)" },
	{ TEXT("'\xed\xa0\x80'"), 1, 2, "", "this is not UTF-8 (byte 0xED)" },
	{ TEXT("'\xed\xbf\xbf'"), 1, 2, "", "this is not UTF-8 (byte 0xED)" },
	{ TEXT("'\xf0\x8f\xbf\xbf'"), 1, 2, "",
	    "this is not UTF-8 (byte 0xF0)" },
	{ TEXT("'\xf4\x90\x80\x80'"), 1, 2, "",
	    "this is not UTF-8 (byte 0xF4)" },
	{ TEXT("'\xf8\x88\x80\x80\x80'"), 1, 2, "",
	    "this is not UTF-8 (byte 0xF8)" },
	{ TEXT("// \n//\xe9\n1"), 2, 3, "", "this is not UTF-8 (byte 0xE9)" },

	/* comments */
	{ TEXT("/* x"), 1, 1, "", "this comment has no end" },
	{ TEXT("{\n a: /* x\n }"), 2, 5, "a", "this comment has no end" },
	{ TEXT("[/* x"), 1, 2, "", "this comment has no end" },
	{ TEXT("[1,/* x"), 1, 4, "", "this comment has no end" },
	{ TEXT("[1/* x"), 1, 3, "", "this comment has no end" },
	{ TEXT("{a/* x"), 1, 3, "a", "this comment has no end" },
	{ TEXT("1 /*/"), 1, 3, "", "this comment has no end" },
	{ TEXT("1 /* *"), 1, 3, "", "this comment has no end" },
	{ TEXT("1 /* * /"), 1, 3, "", "this comment has no end" },
	{ TEXT("/* /* */ */ 1"), 1, 10, "", "expected a value but found '*'" },
	{ TEXT("1 /"), 1, 4, "",
	    "expected '/' or '*' after '/' but found the end of the text" },
	{ TEXT("[1 / 2]"), 1, 5, "",
	    "expected '/' or '*' after '/' but found ' '" },
	{ TEXT("# x\n1"), 1, 1, "", "expected a value but found '#'" },
	{ TEXT("// x\xc2\x85 1"), 1, 8, "",
	    "expected a value but found the end of the text" },
	{ TEXT("\xc2\x85 1"), 1, 1, "", "expected a value but found U+0085" },
	{ TEXT("\u200b1"), 1, 1, "", "expected a value but found U+200B" },
	{ TEXT("\u1fff1"), 1, 1, "",
	    "expected a value but found '\u1fff' (U+1FFF)" },

	/* literals */
	{ TEXT("nul"), 1, 1, "", "expected a value but found 'n'" },
	{ TEXT("nullx"), 1, 1, "", "expected a value but found 'n'" },
	{ TEXT("null$"), 1, 1, "", "expected a value but found 'n'" },
	{ TEXT("null\\u0061"), 1, 1, "", "expected a value but found 'n'" },
	{ TEXT("\\u006eull"), 1, 1, "", "expected a value but found '\\'" },
	{ TEXT("NULL"), 1, 1, "", "expected a value but found 'N'" },
	{ TEXT("True"), 1, 1, "", "expected a value but found 'T'" },
	{ TEXT("false1"), 1, 1, "", "expected a value but found 'f'" },
	{ TEXT("null null"), 1, 6, "",
	    "expected the end of the text but found 'n'" },
	{ TEXT("{auth: hunter2}"), 1, 8, "auth",
	    "expected a value but found 'h'" },

	/* numbers */
	{ TEXT("017"), 1, 1, "", "a number cannot have leading zeros" },
	{ TEXT("[-01]"), 1, 3, "[0]", "a number cannot have leading zeros" },
	{ TEXT("00"), 1, 1, "", "a number cannot have leading zeros" },
	{ TEXT("08.5"), 1, 1, "", "a number cannot have leading zeros" },
	{ TEXT("0x"), 1, 3, "",
	    "expected a hexadecimal digit but found the end of the text" },
	{ TEXT("0xg"), 1, 3, "", "expected a hexadecimal digit but found 'g'" },
	{ TEXT("0x-1"), 1, 3, "",
	    "expected a hexadecimal digit but found '-'" },
	{ TEXT("0x12z"), 1, 5, "",
	    "expected the end of the number but found 'z'" },
	{ TEXT("0x1.8"), 1, 4, "",
	    "expected the end of the text but found '.'" },
	{ TEXT("0x1p3"), 1, 4, "",
	    "expected the end of the number but found 'p'" },
	{ TEXT("0b1"), 1, 2, "",
	    "expected the end of the number but found 'b'" },
	{ TEXT("0o7"), 1, 2, "",
	    "expected the end of the number but found 'o'" },
	{ TEXT("1_000"), 1, 2, "",
	    "expected the end of the number but found '_'" },
	{ TEXT("1n"), 1, 2, "",
	    "expected the end of the number but found 'n'" },
	{ TEXT("1a"), 1, 2, "",
	    "expected the end of the number but found 'a'" },
	{ TEXT("1.5a"), 1, 4, "",
	    "expected the end of the number but found 'a'" },
	{ TEXT("1\\u0061"), 1, 2, "",
	    "expected the end of the number but found '\\'" },
	{ TEXT("1.2.3"), 1, 4, "",
	    "expected the end of the text but found '.'" },
	{ TEXT("1,5"), 1, 2, "", "expected the end of the text but found ','" },
	{ TEXT("."), 1, 2, "",
	    "expected a digit but found the end of the text" },
	{ TEXT("-."), 1, 3, "",
	    "expected a digit but found the end of the text" },
	{ TEXT(".e1"), 1, 2, "", "expected a digit but found 'e'" },
	{ TEXT("1e"), 1, 3, "",
	    "expected a digit but found the end of the text" },
	{ TEXT("[1e]"), 1, 4, "[0]", "expected a digit but found ']'" },
	{ TEXT("1e+"), 1, 4, "",
	    "expected a digit but found the end of the text" },
	{ TEXT("1e+-1"), 1, 4, "", "expected a digit but found '-'" },
	{ TEXT("1e.5"), 1, 3, "", "expected a digit but found '.'" },
	{ TEXT("1e1.5"), 1, 4, "",
	    "expected the end of the text but found '.'" },
	{ TEXT("+"), 1, 2, "",
	    "expected a number but found the end of the text" },
	{ TEXT("[-\n1]"), 1, 3, "[0]",
	    "expected a number but found the end of the line" },
	{ TEXT("- 1"), 1, 2, "", "expected a number but found ' '" },
	{ TEXT("--1"), 1, 2, "", "expected a number but found '-'" },
	{ TEXT("+-1"), 1, 2, "", "expected a number but found '-'" },
	{ TEXT("-x"), 1, 2, "", "expected a number but found 'x'" },
	{ TEXT("-null"), 1, 2, "", "expected a number but found 'n'" },
	{ TEXT("infinity"), 1, 1, "", "expected a value but found 'i'" },
	{ TEXT("Infinit"), 1, 1, "", "expected a value but found 'I'" },
	{ TEXT("Infinity1"), 1, 1, "", "expected a value but found 'I'" },
	{ TEXT("-Infinityx"), 1, 2, "", "expected a number but found 'I'" },
	{ TEXT("nan"), 1, 1, "", "expected a value but found 'n'" },
	{ TEXT("NaN0"), 1, 1, "", "expected a value but found 'N'" },
	{ TEXT("\uff11"), 1, 1, "",
	    "expected a value but found '\uff11' (U+FF11)" },

	/* strings */
	{ TEXT("'abc"), 1, 1, "", "this string has no end" },
	{ TEXT("{\n  a: \"abc'"), 2, 6, "a", "this string has no end" },
	{ TEXT("'abc\\"), 1, 1, "", "this string has no end" },
	{ TEXT("'abc\\'"), 1, 1, "", "this string has no end" },
	{ TEXT("'abc\\\n"), 1, 1, "", "this string has no end" },
	{ TEXT("'a\nb'"), 1, 3, "",
	    "a string cannot hold a line break; "
	    "use \\n or end the string" },
	{ TEXT("{k: 'a\r\nb'}"), 1, 7, "k",
	    "a string cannot hold a line "
	    "break; use \\n or end the string" },
	{ TEXT("'\\\n\n'"), 2, 1, "",
	    "a string cannot hold a line break; "
	    "use \\n or end the string" },
	{ TEXT("'\\\n\r'"), 2, 1, "",
	    "a string cannot hold a line break; "
	    "use \\n or end the string" },
	{ TEXT("'\\1'"), 1, 3, "",
	    "a string cannot hold \\1; use \\x and two digits" },
	{ TEXT("'\\9'"), 1, 3, "",
	    "a string cannot hold \\9; use \\x and two digits" },
	{ TEXT("'\\00'"), 1, 4, "", "no digit can follow \\0; use \\x00" },
	{ TEXT("'\\09'"), 1, 4, "", "no digit can follow \\0; use \\x00" },
	{ TEXT("'\\x4'"), 1, 5, "",
	    "expected two hexadecimal digits after \\x but found '''" },
	{ TEXT("'\\xg1'"), 1, 4, "",
	    "expected two hexadecimal digits after \\x but found 'g'" },
	{ TEXT("'\\u12'"), 1, 6, "",
	    "expected four hexadecimal digits after \\u but found '''" },
	{ TEXT("'\\u{41}'"), 1, 4, "",
	    "expected four hexadecimal digits after \\u but found '{'" },
	{ TEXT("'\\u004\n'"), 1, 7, "",
	    "expected four hexadecimal digits "
	    "after \\u but found the end of the line" },
	{ TEXT("`a`"), 1, 1, "", "expected a value but found '`'" },
	{ TEXT("'a' 'b'"), 1, 5, "",
	    "expected the end of the text but found '''" },

	/* arrays */
	{ TEXT("["), 1, 2, "[0]",
	    "expected a value but found the end of the text" },
	{ TEXT("[1"), 1, 3, "",
	    "expected ',' or ']' but found the end of the text" },
	{ TEXT("[1,"), 1, 4, "[1]",
	    "expected a value but found the end of the text" },
	{ TEXT("[,]"), 1, 2, "[0]", "expected a value but found ','" },
	{ TEXT("[,1]"), 1, 2, "[0]", "expected a value but found ','" },
	{ TEXT("[1,,2]"), 1, 4, "[1]", "expected a value but found ','" },
	{ TEXT("[1,,]"), 1, 4, "[1]", "expected a value but found ','" },
	{ TEXT("[1 2]"), 1, 4, "", "expected ',' or ']' but found '2'" },
	{ TEXT("[1}"), 1, 3, "", "expected ',' or ']' but found '}'" },
	{ TEXT("[a:1]"), 1, 2, "[0]", "expected a value but found 'a'" },
	{ TEXT("[1:2]"), 1, 3, "", "expected ',' or ']' but found ':'" },
	{ TEXT("]"), 1, 1, "", "expected a value but found ']'" },

	/* objects */
	{ TEXT("{"), 1, 2, "",
	    "expected a key or '}' but found the end of the text" },
	{ TEXT("{a"), 1, 3, "a",
	    "expected ':' after the key but found the end of the text" },
	{ TEXT("{a:"), 1, 4, "a",
	    "expected a value but found the end of the text" },
	{ TEXT("{a:}"), 1, 4, "a", "expected a value but found '}'" },
	{ TEXT("{a:1"), 1, 5, "",
	    "expected ',' or '}' but found the end of the text" },
	{ TEXT("{a:1 x"), 1, 6, "", "expected ',' or '}' but found 'x'" },
	{ TEXT("{o: {a:1 b:2}}"), 1, 10, "o",
	    "expected ',' or '}' but found 'b'" },
	{ TEXT("{a:1]"), 1, 5, "", "expected ',' or '}' but found ']'" },
	{ TEXT("{,}"), 1, 2, "", "expected a key or '}' but found ','" },
	{ TEXT("{a:1,,}"), 1, 6, "", "expected a key or '}' but found ','" },
	{ TEXT("{a}"), 1, 3, "a", "expected ':' after the key but found '}'" },
	{ TEXT("{a 1}"), 1, 4, "a",
	    "expected ':' after the key but found '1'" },
	{ TEXT("{a=1}"), 1, 3, "a",
	    "expected ':' after the key but found '='" },
	{ TEXT("{a::1}"), 1, 4, "a", "expected a value but found ':'" },
	{ TEXT("{a:1;b:2}"), 1, 5, "", "expected ',' or '}' but found ';'" },
	{ TEXT("{:1}"), 1, 2, "", "expected a key or '}' but found ':'" },
	{ TEXT("}"), 1, 1, "", "expected a value but found '}'" },

	/* keys */
	{ TEXT("{1:1}"), 1, 2, "", "expected a key or '}' but found '1'" },
	{ TEXT("{1a:1}"), 1, 2, "", "expected a key or '}' but found '1'" },
	{ TEXT("{@:1}"), 1, 2, "", "expected a key or '}' but found '@'" },
	{ TEXT("{a`:1}"), 1, 3, "a",
	    "expected ':' after the key but found '`'" },
	{ TEXT("{a{:1}"), 1, 3, "a",
	    "expected ':' after the key but found '{'" },
	{ TEXT("{a[:1}"), 1, 3, "a",
	    "expected ':' after the key but found '['" },
	{ TEXT("{a\ufe35:1}"), 1, 3, "a",
	    "expected ':' after the key but found '\ufe35' (U+FE35)" },
	{ TEXT("{\u203f:1}"), 1, 2, "",
	    "expected a key or '}' but found '\u203f' (U+203F)" },
	{ TEXT("{a-b:1}"), 1, 3, "a",
	    "expected ':' after the key but found '-'" },
	{ TEXT("{[1]:1}"), 1, 2, "", "expected a key or '}' but found '['" },
	{ TEXT("{\u200d:1}"), 1, 2, "",
	    "expected a key or '}' but found U+200D" },
	{ TEXT("{\U0001f600:1}"), 1, 2, "",
	    "expected a key or '}' but found '\U0001f600' (U+1F600)" },
	{ TEXT("{a\x1b[2J:1}"), 1, 3, "a",
	    "expected ':' after the key but found U+001B" },
	{ TEXT("{\\u0031a:1}"), 1, 2, "",
	    "U+0031 cannot stand here in a key without quotes" },
	{ TEXT("{a\\u002d:1}"), 1, 3, "",
	    "U+002D cannot stand here in a key without quotes" },
	{ TEXT("{a\\u0000:1}"), 1, 3, "",
	    "U+0000 cannot stand here in a key without quotes" },
	{ TEXT("{\\ud801\\udc00:1}"), 1, 2, "",
	    "U+D801 cannot stand here in a key without quotes" },
	{ TEXT("{a\\x41:1}"), 1, 4, "",
	    "expected \\u in a key without quotes but found 'x'" },
	{ TEXT("{a\\"), 1, 4, "",
	    "expected \\u in a key without quotes "
	    "but found the end of the text" },
	{ TEXT("{\\u00:1}"), 1, 6, "",
	    "expected four hexadecimal digits after \\u but found ':'" },
	{ TEXT("{o:{'a\\u0000b':1}}"), 1, 5, "o", "a key cannot hold \\u0000" },
	{ TEXT("{'\\0':1}"), 1, 2, "", "a key cannot hold \\u0000" },
	{ TEXT("{'a"), 1, 2, "", "this string has no end" },

	/* keys that were there already */
	{ TEXT("{a:1,a:1}"), 1, 6, "a",
	    "duplicate key; the first is at line 1, column 2" },
	{ TEXT("{\n  o: {x: 0,\n    \"acl\": [],\n    '\\u0061cl': 2}}"), 4, 5,
	    "o.acl", "duplicate key; the first is at line 3, column 5" },
	{ TEXT("[{'':1, \"\":2}]"), 1, 9, "[0][\"\"]",
	    "duplicate key; the first is at line 1, column 3" },
	{ TEXT("{a:1, \\u0061}"), 1, 7, "a",
	    "duplicate key; the first is at line 1, column 2" },

	/* lines and columns */
	{ TEXT("[\n\n  x]"), 3, 3, "[0]", "expected a value but found 'x'" },
	{ TEXT("[\r\n\r\n  x]"), 3, 3, "[0]",
	    "expected a value but found 'x'" },
	{ TEXT("[\r\r  x]"), 3, 3, "[0]", "expected a value but found 'x'" },
	{ TEXT("[\n\r\tx]"), 3, 2, "[0]", "expected a value but found 'x'" },
	{ TEXT("[\u2028\v\fx]"), 1, 5, "[0]",
	    "expected a value but found 'x'" },
	{ TEXT("['\u00e9\u20ac\U0001f600' x]"), 1, 8, "",
	    "expected ',' or ']' but found 'x'" },
	{ TEXT("['a\\\n  b' x]"), 2, 6, "",
	    "expected ',' or ']' but found 'x'" },
	{ TEXT("/*\n*/ x"), 2, 4, "", "expected a value but found 'x'" },

	/* the values in question */
	{ TEXT("{acl: [{}, {}, {allowed_src_ips: [x]}]}"), 1, 35,
	    "acl[2].allowed_src_ips[0]", "expected a value but found 'x'" },
	{ TEXT("{a: {b: 1}, c: [[1], x]}"), 1, 22, "c[1]",
	    "expected a value but found 'x'" },
	{ TEXT("{'odd key': {a: [0, -]}}"), 1, 22, "[\"odd key\"].a[1]",
	    "expected a number but found ']'" },
};

START_TEST(invalid_documents_are_refused)
{
	struct json5_error error;

	ck_assert_ptr_null(parse(bad[_i].text, bad[_i].len, &error));
	ck_assert_str_eq(error.reason, bad[_i].reason);
	assert_place(error.position, bad[_i].line, bad[_i].column);
	ck_assert_str_eq(error.path, bad[_i].path);
}
END_TEST

START_TEST(a_text_that_json_c_cannot_count_is_refused)
{
	struct json5_error error;

	ck_assert_ptr_null(json5_parse("", INT_MAX, &error));
	ck_assert_str_eq(error.reason, "the text is too long");
	assert_place(error.position, 1, 1);
	ck_assert_str_eq(error.path, "");
}
END_TEST

/* The text ends where its page ends, and neither can be written. */
START_TEST(every_truncation_is_refused)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t full_len = sizeof(sample) - 1;
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pages, MAP_FAILED);
	ck_assert_int_eq(mprotect(pages + page, page, PROT_NONE), 0);
	for (size_t len = 0; len <= full_len; len++) {
		char *text = pages + page - len;
		struct json5_error error = { .reason = "" };
		struct json5 *root;

		mprotect(pages, page, PROT_READ | PROT_WRITE);
		memcpy(text, sample, len);
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
	char text[sizeof(sample)];

	memcpy(text, sample, sizeof(text));
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (int byte = 0; byte <= UCHAR_MAX; byte++) {
			struct json5_error error = { .reason = "" };
			struct json5 *root;

			text[i] = (char)byte;
			root = parse(text, sizeof(text) - 1, &error);
			ck_assert(root ||
			    (error.reason[0] && error.position.line > 0 &&
				error.position.column > 0));
			json5_destroy(root);
		}
		text[i] = sample[i];
	}
}
END_TEST

START_TEST(the_sample_holds_what_it_says)
{
	struct json5 *root = parse_string(sample);

	assert_renders(root,
	    "{\"listen\":\":21829\",\"single\":\"it's\","
	    "\"$_a\":[1,~-0.5,~5,31,~0.001,~inf,~nan,null],"
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
	struct json5 *root = parse_string(places[_i].text);
	const char *const known[] = { NULL };
	const struct json5 *value = root;

	while (json5_count(value) > 0)
		value = json5_type(value) == JSON5_ARRAY
		    ? json5_item(value, 0)
		    : json5_unexpected(value, known, NULL);
	ck_assert_str_eq(json5_path(value), places[_i].path);
	assert_place(json5_key_position(value), places[_i].key_line,
	    places[_i].key_column);
	assert_place(json5_position(value), places[_i].line, places[_i].column);
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
	{ "1e3", JSON5_DOUBLE, "a number" },
	{ "'1'", JSON5_STRING, "a string" },
	{ "[1]", JSON5_ARRAY, "an array" },
	{ "{a:1}", JSON5_OBJECT, "an object" },
};

START_TEST(a_value_is_of_its_type_and_no_other)
{
	struct json5 *root = parse_string(types[_i].text);
	enum json5_type type = json5_type(root);
	const char *const known[] = { NULL };
	int64_t integer = 42;
	double number = 42;
	bool truth = false;
	size_t len = 42;

	ck_assert_int_eq(type, types[_i].type);
	ck_assert_str_eq(json5_type_name(type), types[_i].name);
	ck_assert(json5_boolean(root, &truth) == (type == JSON5_BOOLEAN));
	ck_assert(json5_integer(root, &integer) == (type == JSON5_INTEGER));
	ck_assert(json5_double(root, &number) == (type == JSON5_DOUBLE));
	ck_assert(!json5_string(root, &len) == (type != JSON5_STRING));
	ck_assert(truth == (type == JSON5_BOOLEAN));
	ck_assert_int_eq(integer, type == JSON5_INTEGER ? 16 : 42);
	ck_assert(number == (type == JSON5_DOUBLE ? 1000 : 42));
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
	struct json5 *root = parse_string("{list:[1,'x'],'':2}");
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
	struct json5 *root = parse_string("{a:1,z:2,b:3,y:4}");

	ck_assert_str_eq(json5_key(json5_unexpected(root, known, NULL)), "z");
	ck_assert_str_eq(json5_key(json5_unexpected(root, none, NULL)), "a");
	ck_assert_ptr_null(json5_unexpected(root, all, NULL));
	json5_destroy(root);
}
END_TEST

START_TEST(a_string_may_hold_nul)
{
	struct json5 *root = parse_string("'a\\0b\\x00'");
	const char *string;
	size_t len;

	string = json5_string(root, &len);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(string, "a\0b\0", 5);
	json5_destroy(root);
}
END_TEST

/* json-c 0.19 calls a callback twice, and follows what is not its own. */
START_TEST(json_c_frees_no_object_with_a_callback_or_userdata)
{
	struct json5_error error;

	delete_callbacks = put_objects = put_marks = 0;
	json5_destroy(parse_string(sample));
	ck_assert_uint_eq(put_objects, 19);
	for (size_t len = 0; len < sizeof(sample) - 1; len++)
		ck_assert_ptr_null(parse(sample, len, &error));
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

static const struct {
	const char *open, *close;
	int levels;           /* of one pair */
	unsigned deep_column; /* where the 65th level starts */
} brackets[] = {
	{ "[", "]", 1, 65 },
	{ "{a:", "}", 1, 3 * 64 + 1 },
	{ "[{'b':", "}]", 2, 6 * 32 + 1 },
	{ "{c: // d\n[", "]}", 2, 2 },
};

/* So many levels as in brackets[i], around a number. */
static struct json5 *
parse_nested(int i, int levels, struct json5_error *error)
{
	int pairs = levels / brackets[i].levels;
	char text[1024], *end = text;

	for (int pair = 0; pair < pairs; pair++)
		end = stpcpy(end, brackets[i].open);
	end = stpcpy(end, "1");
	for (int pair = 0; pair < pairs; pair++)
		end = stpcpy(end, brackets[i].close);
	return parse(text, (size_t)(end - text), error);
}

START_TEST(only_64_levels_are_read)
{
	struct json5_error error;
	struct json5 *root = parse_nested(_i, 64, &error);

	ck_assert_ptr_nonnull(root);
	json5_destroy(root);
	ck_assert_ptr_null(parse_nested(_i, 64 + brackets[_i].levels, &error));
	ck_assert_str_eq(error.reason, "nested more than 64 levels deep");
	ck_assert_uint_eq(error.position.column, brackets[_i].deep_column);
}
END_TEST

#define HUNGRY_COUNT 4 /* the first of them, whose trees are far larger */

/* A document: the beginning, then the middle again and again, then the end. */
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
	root = parse(text, len, &error);
	ck_assert_msg(
	    !root == !!large[_i].reason, "%s", root ? "valid" : error.reason);
	if (!root)
		ck_assert_str_eq(error.reason, large[_i].reason);
	json5_destroy(root);
	free(text);
}
END_TEST

/* As RLIMIT_DATA counts it, and the stack (proc_pid_statm(5), field 6). */
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
	Suite *suite = suite_create("json5");
	TCase *memory = tcase_create("memory");
	TCase *syntax = tcase_create("syntax");
	TCase *values = tcase_create("values");
	TCase *size = tcase_create("size");
	TCase *harm = tcase_create("harm");

	/* First, for with CK_FORK=no others leave a large heap behind. */
	tcase_add_loop_test(
	    memory, memory_that_runs_out_is_an_error, 0, HUNGRY_COUNT);
	suite_add_tcase(suite, memory);

	tcase_add_loop_test(syntax, valid_documents_are_read, 0, COUNT(good));
	tcase_add_loop_test(
	    syntax, letters_of_any_script_are_keys, 0, COUNT(letters));
	tcase_add_loop_test(
	    syntax, invalid_documents_are_refused, 0, COUNT(bad));
	tcase_add_loop_test(
	    syntax, only_64_levels_are_read, 0, COUNT(brackets));
	suite_add_tcase(suite, syntax);

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
