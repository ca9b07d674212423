#include "base/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WORD_MAX_LEN 32

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

static bool
differ(char a, char b)
{
	return tolower((unsigned char)a) != tolower((unsigned char)b);
}

static size_t
distance(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	size_t row[WORD_MAX_LEN + 1];

	if (a_len > WORD_MAX_LEN || b_len > WORD_MAX_LEN)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t replaced = diagonal + differ(a[i - 1], b[j - 1]);

			diagonal = row[j];
			row[j] = least(row[j] + 1, row[j - 1] + 1, replaced);
		}
	}
	return row[b_len];
}

const char *
suggest_word(const char *typed, const char *const words[])
{
	size_t best = strlen(typed) / 2 + 1;
	const char *nearest = NULL;

	for (size_t i = 0; words[i]; i++) {
		size_t far = distance(typed, words[i]);

		if (far < best) {
			best = far;
			nearest = words[i];
		}
	}
	return nearest;
}
