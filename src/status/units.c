#include "status/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *
units_bytes(int64_t bytes, char text[UNITS_STRLEN])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB",
		"EiB" };
	double value = (double)bytes / 1024;
	int i = 0;

	if (bytes < 1024) {
		snprintf(text, UNITS_STRLEN, "%" PRId64 " B", bytes);
		return text;
	}
	/* What would be rounded to 1024.0 is 1.0 of the next one. */
	for (; value >= 1023.95 && i < 5; i++)
		value /= 1024;
	snprintf(text, UNITS_STRLEN, "%.1f %s", value, units[i]);
	return text;
}

const char *
units_rate(int64_t rate, char text[UNITS_STRLEN])
{
	if (rate <= 0)
		return strcpy(text, "-");
	units_bytes(rate, text);
	return strcat(text, "/s");
}

const char *
units_age(int64_t seconds, char text[UNITS_STRLEN])
{
	int64_t s = seconds < 0 ? 0 : seconds;
	int64_t m = s / 60, h = m / 60, d = h / 24;

	if (d > 0)
		snprintf(
		    text, UNITS_STRLEN, "%" PRId64 "d %" PRId64 "h", d, h % 24);
	else if (h > 0)
		snprintf(
		    text, UNITS_STRLEN, "%" PRId64 "h %" PRId64 "m", h, m % 60);
	else if (m > 0)
		snprintf(
		    text, UNITS_STRLEN, "%" PRId64 "m %" PRId64 "s", m, s % 60);
	else
		snprintf(text, UNITS_STRLEN, "%" PRId64 "s", s);
	return text;
}

const char *
units_ago(int64_t now, int64_t at, char text[UNITS_STRLEN])
{
	if (!at)
		return strcpy(text, "never");
	units_age(now - at, text);
	return strcat(text, " ago");
}
