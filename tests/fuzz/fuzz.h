#ifndef FUZZ_H
#define FUZZ_H

/*
 * A target looks at one input, whatever it is, and aborts if something does
 * not hold that has to. libFuzzer calls it, and replay.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The name and the result (always 0) are libFuzzer's. */
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
