#include "sandbox.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "landlock.h"
#include "log.h"
#include "syscalls.h"

#define STATE_MAX_LEN 128

/* A header may be older than Linux 6.10; here it has one number on most. */
#if !defined(SYS_mseal) && !defined(__alpha__) && !defined(__mips__)
#define SYS_mseal 462
#endif

static bool has_names = true;

/* A copy that nothing can take the place of: NULL before Linux 6.10. */
static const char *
seal(const char *path)
{
#ifdef SYS_mseal
	size_t len = strlen(path) + 1;
	char *copy = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (copy == MAP_FAILED)
		return NULL;
	memcpy(copy, path, len);
	len = (len + page - 1) / page * page;
	if (mprotect(copy, len, PROT_READ) == 0 &&
	    syscall(SYS_mseal, copy, len, 0) == 0)
		return copy;
	munmap(copy, len);
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

	/* In this order: no filter lets a process ask for Landlock. */
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
