#include "process/sandbox.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "process/landlock.h"
#include "process/syscalls.h"

#define STATE_MAX_LEN 128

/*
 * An address below all other mappings and above all values of vm.mmap_min_addr.
 * So the filter can tell from the start of a range that it does not reach here.
 */
#define SEALED_ADDRESS ((void *)0x100000)

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static bool has_names = true;

/*
 * Copies the path to an address that no mapping can replace once the filter is
 * on. Returns NULL if that is impossible; on s390 no filter sees the arguments
 * of mmap(2).
 */
static const char *
seal(const char *path)
{
#ifndef __s390__
	size_t len = strlen(path) + 1;
	char *copy = mmap(SEALED_ADDRESS, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (copy == MAP_FAILED)
		return NULL;
	memcpy(copy, path, len);
	/* Before Linux 4.17 the address is only a hint. */
	if (copy == SEALED_ADDRESS && mprotect(copy, len, PROT_READ) == 0)
		return copy;
	munmap(copy, len);
#else
	(void)path;
#endif
	return NULL;
}

static void
format_state(const char *off, char text[STATE_MAX_LEN])
{
	if (off)
		snprintf(text, STATE_MAX_LEN, "\"off: %s\"", off);
	else
		snprintf(text, STATE_MAX_LEN, "on");
}

const char *
sandbox_enter(const struct sandbox *sandbox)
{
	const char *path = sandbox->config_path;
	const char *only = sandbox->names ? NULL : seal(path);
	const char *no_files, *no_calls;
	char files[STATE_MAX_LEN], calls[STATE_MAX_LEN];

	/* Landlock first: the filter allows no call of Landlock. */
	no_files =
	    landlock_restrict(path, sandbox->names, sandbox->binds_ports);
	no_calls = syscalls_restrict(sandbox->names, only);
	has_names = sandbox->names || (no_files && no_calls);
	format_state(no_files, files);
	format_state(no_calls, calls);
	log_info("sandbox seccomp=%s landlock=%s", calls, files);
	return only ? only : path;
}

bool
sandbox_has_names(void)
{
	return has_names;
}
