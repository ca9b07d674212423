/*
 * Runs a target without libFuzzer, so with every compiler: on each seed whole,
 * on each truncation and on each change of one byte of it. Prints a TAP test
 * for each seed.
 *
 * usage: replay SEED...
 */

#include <limits.h>
#include <string.h>

#include "fuzz.h"

#define SEED_MAX_LEN 4096

/*
 * Runs it on a block that ends with the data, so that a sanitizer sees a read
 * beyond it.
 */
static void
hand_over(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	MUST(copy);
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void
replay(uint8_t *seed, size_t len)
{
	for (size_t part = 0; part <= len; part++)
		hand_over(seed, part);
	for (size_t i = 0; i < len; i++) {
		uint8_t was = seed[i];

		for (int byte = 0; byte <= UCHAR_MAX; byte++) {
			seed[i] = (uint8_t)byte;
			hand_over(seed, len);
		}
		seed[i] = was;
	}
}

int
main(int argc, char **argv)
{
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		const char *slash = strrchr(argv[i], '/');
		uint8_t seed[SEED_MAX_LEN];
		FILE *file = fopen(argv[i], "rb");
		size_t len;

		MUST(file);
		len = fread(seed, 1, sizeof(seed), file);
		MUST(len > 0 && len < sizeof(seed));
		fclose(file);
		replay(seed, len);
		printf("ok %d - %s, each truncation and changed byte of it\n",
		    i, slash ? slash + 1 : argv[i]);
		fflush(stdout);
	}
	return 0;
}
