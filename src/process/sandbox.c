#include "process/sandbox.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "process/landlock.h"
#include "process/syscalls.h"

/*
 * An address below all other mappings and above all values of vm.mmap_min_addr.
 * So the filter can tell from the start of a range that it does not reach here.
 */
#define SEALED_ADDRESS ((void *)0x100000)

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static bool has_names = true;
static const char *socket_path;
static struct sandbox_state state = { "off", "off" };

/*
 * Copies the paths to an address that no mapping can replace once the filter is
 * on. Leaves *sealed as it is if that is impossible; on s390 no filter sees the
 * arguments of mmap(2).
 */
static void
seal(const struct sandbox *sandbox, struct sealed *sealed)
{
#ifndef __s390__
	const char *removed = sandbox->socket_path ? sandbox->socket_path : "";
	size_t config_len = strlen(sandbox->config_path) + 1;
	size_t len = config_len + strlen(removed) + 1;
	char *copy = mmap(SEALED_ADDRESS, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (copy == MAP_FAILED)
		return;
	strcpy(copy, sandbox->config_path);
	strcpy(copy + config_len, removed);
	/* Before Linux 4.17 the address is only a hint. */
	if (copy != SEALED_ADDRESS || mprotect(copy, len, PROT_READ)) {
		munmap(copy, len);
		return;
	}
	sealed->end = copy + len;
	sealed->read = sandbox->names ? NULL : copy;
	sealed->removed = sandbox->socket_path ? copy + config_len : NULL;
#else
	(void)sandbox;
	(void)sealed;
#endif
}

static void
format_state(const char *off, char text[SANDBOX_STATE_LEN])
{
	if (off)
		snprintf(text, SANDBOX_STATE_LEN, "off: %s", off);
	else
		snprintf(text, SANDBOX_STATE_LEN, "on");
}

/* A value with blanks is quoted. */
static const char *
quote_of(const char *text)
{
	return strchr(text, ' ') ? "\"" : "";
}

const char *
sandbox_enter(const struct sandbox *sandbox)
{
	const char *path = sandbox->config_path;
	const char *no_files, *no_calls;
	struct sealed sealed = { .end = NULL };

	seal(sandbox, &sealed);
	/* Landlock first: the filter allows no call of Landlock. */
	no_files = landlock_restrict(
	    path, sandbox->socket_path, sandbox->names, sandbox->binds_ports);
	no_calls = syscalls_restrict(sandbox->names, &sealed);
	has_names = sandbox->names || (no_files && no_calls);
	socket_path = sealed.removed ? sealed.removed : sandbox->socket_path;
	format_state(no_files, state.landlock);
	format_state(no_calls, state.seccomp);
	log_info("sandbox seccomp=%s%s%s landlock=%s%s%s",
	    quote_of(state.seccomp), state.seccomp, quote_of(state.seccomp),
	    quote_of(state.landlock), state.landlock, quote_of(state.landlock));
	return sealed.read ? sealed.read : path;
}

const char *
sandbox_socket_path(void)
{
	return socket_path;
}

const struct sandbox_state *
sandbox_state(void)
{
	return &state;
}

bool
sandbox_has_names(void)
{
	return has_names;
}
