#ifndef FUZZ_H
#define FUZZ_H

/*
 * A target takes one input of any bytes, and aborts if a property does not
 * hold. libFuzzer and replay.c call it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* libFuzzer prescribes the name and the result, which is always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MUST(holds) fuzz_must(holds, #holds, __FILE__, __LINE__)

static inline void
fuzz_must(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, what);
	abort();
}

#endif
