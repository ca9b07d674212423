#include "net/mark.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Leaves *text behind the number. */
static bool
take_number(const char **text, uint32_t *number)
{
	unsigned long long read;
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	read = strtoull(*text, &end, 0);
	if (errno || read > UINT32_MAX)
		return false;
	*number = (uint32_t)read;
	*text = end;
	return true;
}

const char *
mark_check(const struct mark *mark)
{
	if (mark->value == 0)
		return "packets without any mark have the mark 0";
	if (mark->value & ~mark->mask)
		return "the mask does not have all bits of the mark";
	return NULL;
}

const char *
mark_parse(const char *text, struct mark *mark)
{
	struct mark read = { .mask = UINT32_MAX };

	if (!take_number(&text, &read.value) ||
	    (*text == '/' && (text++, !take_number(&text, &read.mask))) ||
	    *text)
		return "this is no mark such as \"0x50/0x50\", of 32 bits";
	*mark = read;
	return mark_check(mark);
}

const char *
mark_format(const struct mark *mark, char text[MARK_STRLEN])
{
	snprintf(text, MARK_STRLEN, "0x%" PRIx32 "/0x%" PRIx32, mark->value,
	    mark->mask);
	return text;
}
