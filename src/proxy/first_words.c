#include "proxy/first_words.h"

#include <stdatomic.h>

/* So many waits in vain in a row are no chance. */
#define VAIN_MAX 4

/* After those, one connection of these waits, as a port may get other users. */
#define TRY_EVERY 16

/* For each port: the waits in vain in a row, and the connections since. */
static atomic_uchar vain[UINT16_MAX + 1];

bool
first_words_expected(uint16_t port)
{
	unsigned char count = atomic_load(&vain[port]);

	if (count < VAIN_MAX)
		return true;
	if (count < VAIN_MAX + TRY_EVERY - 1) {
		atomic_store(&vain[port], (unsigned char)(count + 1));
		return false;
	}
	atomic_store(&vain[port], VAIN_MAX);
	return true;
}

void
first_words_note(uint16_t port, bool came)
{
	unsigned char count = atomic_load(&vain[port]);

	if (came)
		atomic_store(&vain[port], 0);
	else if (count < VAIN_MAX)
		atomic_store(&vain[port], (unsigned char)(count + 1));
}
