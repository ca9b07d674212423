#include "sandbox.h"

#include <stdio.h>

#include "landlock.h"
#include "log.h"
#include "syscalls.h"

#define STATE_MAX_LEN 128

static void
format_state(const char *off, char text[STATE_MAX_LEN])
{
	if (off)
		snprintf(text, STATE_MAX_LEN, "\"off: %s\"", off);
	else
		snprintf(text, STATE_MAX_LEN, "on");
}

void
sandbox_enter(const char *config_path)
{
	char files[STATE_MAX_LEN], calls[STATE_MAX_LEN];

	/* In this order: no filter lets a process ask for Landlock. */
	format_state(landlock_restrict(config_path), files);
	format_state(syscalls_restrict(), calls);
	log_info("sandbox seccomp=%s landlock=%s", calls, files);
}
