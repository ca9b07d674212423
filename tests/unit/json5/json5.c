#include "json5/json5.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "json5_text.h"
#include "suite.h"

#define TEXT(literal) literal, sizeof(literal) - 1

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
	{ TEXT("9223372036854775808"), "~" },
	{ TEXT("-9223372036854775809"), "~" },
	{ TEXT("0xffffffffffffffff"), "~" },
	{ TEXT("1.0"), "~" },
	{ TEXT("1."), "~" },
	{ TEXT("-1."), "~" },
	{ TEXT("0."), "~" },
	{ TEXT("0.5"), "~" },
	{ TEXT(".5"), "~" },
	{ TEXT("+.5"), "~" },
	{ TEXT("-.5"), "~" },
	{ TEXT("-0.0"), "~" },
	{ TEXT("1e3"), "~" },
	{ TEXT("1E+3"), "~" },
	{ TEXT("125e-03"), "~" },
	{ TEXT("1.e1"), "~" },
	{ TEXT(".5e1"), "~" },
	{ TEXT("0e0"), "~" },
	{ TEXT("0.1"), "~" },
	{ TEXT("1e400"), "~" },
	{ TEXT("Infinity"), "~" },
	{ TEXT("+Infinity"), "~" },
	{ TEXT("-Infinity"), "~" },
	{ TEXT("NaN"), "~" },
	{ TEXT("+NaN"), "~" },
	{ TEXT("-NaN"), "~" },

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
	struct json5 *root = json5_text_parse_good(good[_i].text, good[_i].len);

	json5_text_assert_renders(root, good[_i].rendered);
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
	root = json5_text_parse_string(text);
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

	ck_assert_ptr_null(json5_text_parse(bad[_i].text, bad[_i].len, &error));
	ck_assert_str_eq(error.reason, bad[_i].reason);
	json5_text_assert_position(
	    error.position, bad[_i].line, bad[_i].column);
	ck_assert_str_eq(error.path, bad[_i].path);
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

/* Nests that many levels of brackets[i] around a number. */
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
	return json5_text_parse(text, (size_t)(end - text), error);
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

Suite *
suite(void)
{
	Suite *suite = suite_create("json5");
	TCase *syntax = tcase_create("syntax");

	tcase_add_loop_test(syntax, valid_documents_are_read, 0, COUNT(good));
	tcase_add_loop_test(
	    syntax, letters_of_any_script_are_keys, 0, COUNT(letters));
	tcase_add_loop_test(
	    syntax, invalid_documents_are_refused, 0, COUNT(bad));
	tcase_add_loop_test(
	    syntax, only_64_levels_are_read, 0, COUNT(brackets));
	suite_add_tcase(suite, syntax);
	return suite;
}
