#include "base/duration.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

struct unit {
	const char *name;
	double ns;
};

/* A longer name stands before the name that it begins with. */
static const struct unit units[] = {
	{ "ns", 1 },
	{ "us", 1e3 },
	{ "\xc2\xb5s", 1e3 }, /* U+00B5, the micro sign */
	{ "\xce\xbcs", 1e3 }, /* U+03BC, the Greek letter */
	{ "ms", 1e6 },
	{ "s", 1e9 },
	{ "m", 60e9 },
	{ "h", 3600e9 },
};

static const struct unit *
unit_find(const char *text)
{
	for (size_t i = 0; i < COUNT(units); i++) {
		if (!strncmp(text, units[i].name, strlen(units[i].name)))
			return &units[i];
	}
	return NULL;
}

/* strtod() would also take signs, exponents, hexadecimal and "inf". */
static const char *
skip_number(const char *text)
{
	size_t whole = strspn(text, "0123456789");
	size_t part = 0;

	if (text[whole] == '.')
		part = strspn(text + whole + 1, "0123456789");
	if (whole + part == 0)
		return NULL;
	return text + whole + part + (text[whole] == '.');
}

bool
duration_parse(const char *text, int64_t *ms)
{
	double total = 0;
	int64_t ns;

	if (*text == '+')
		text++;
	if (!strcmp(text, "0")) {
		*ms = 0;
		return true;
	}
	do {
		const char *end = skip_number(text);
		const struct unit *unit = end ? unit_find(end) : NULL;

		if (!unit)
			return false;
		total += strtod(text, NULL) * unit->ns;
		text = end + strlen(unit->name);
	} while (*text);
	/* Go's range ends before this; a longer span is refused. */
	if (!(total < (double)INT64_MAX))
		return false;
	/* Whole nanoseconds first: 0.3 s must not become 301 ms. */
	ns = (int64_t)(total + 0.5);
	*ms = ns / 1000000 + (ns % 1000000 > 0);
	/* 0 would mean "no limit". */
	if (*ms == 0 && total > 0)
		*ms = 1;
	return true;
}
