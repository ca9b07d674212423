#include "place.h"

bool
place_is_inside(const uint8_t *text, size_t len, size_t line, size_t column)
{
	const uint8_t *at = text, *end = text + len;
	size_t line_len = 0;

	for (; at < end && line > 1; at++) {
		bool is_crlf = *at == '\r' && at + 1 < end && at[1] == '\n';

		line -= (*at == '\n' || *at == '\r') && !is_crlf;
	}
	while (
	    at + line_len < end && at[line_len] != '\n' && at[line_len] != '\r')
		line_len++;
	return line == 1 && column >= 1 && column <= line_len + 1;
}
