#include "config/parse_leg.h"

#include <string.h>

static bool
is_congestion_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= CONGESTION_MAX_LEN &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

void
config_leg_read(
    struct reader *reader, const struct json5 *object, struct leg *leg)
{
	const struct json5 *fast_open =
	    reader_member(reader, object, "fast_open", JSON5_BOOLEAN);
	const char *congestion = reader_string(reader, object, "congestion");

	leg->fast_open = true;
	if (fast_open)
		json5_boolean(fast_open, &leg->fast_open);
	if (congestion && is_congestion_name(congestion))
		strcpy(leg->congestion, congestion);
	else if (congestion)
		reader_fail(reader, json5_member(object, "congestion"),
		    "\"%.80s\": this is the name of a congestion control, such "
		    "as \"bbr\" or \"cubic\"",
		    congestion);
}
