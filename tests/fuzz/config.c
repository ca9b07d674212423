/* Reads the input as a configuration file, of each half. */

#include "config/config.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/duration.h"
#include "fuzz.h"
#include "place.h"

/* The file: config_load() opens it by name. */
static int file = -1;
static char path[64];

/* What the problems of one config_load() are checked against. */
static const uint8_t *text;
static size_t text_len;
static unsigned fatal_count;

static void
write_file(void)
{
	if (file < 0) {
		file = memfd_create("config", MFD_CLOEXEC);
		MUST(file >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	}
	/*
	 * Writing before truncating keeps the file's page, which is much
	 * quicker.
	 */
	MUST(pwrite(file, text, text_len, 0) == (ssize_t)text_len);
	MUST(ftruncate(file, (off_t)text_len) == 0);
}

static void
check_place(const char *problem)
{
	char *end;
	unsigned long line = strtoul(problem, &end, 10), column;

	MUST(*end == ':');
	column = strtoul(end + 1, &end, 10);
	MUST(*end == ':');
	MUST(place_is_inside(text, text_len, line, column));
}

/*
 * A config_report. Each problem is one line. It names a position inside the
 * file, or it is about the file itself: then a blank follows the name.
 */
static void
report(bool fatal, const char *problem)
{
	size_t path_len = strlen(path);

	fatal_count += fatal;
	MUST(!strncmp(problem, path, path_len) && problem[path_len] == ':');
	if (problem[path_len + 1] != ' ')
		check_place(problem + path_len + 1);
	for (; *problem; problem++)
		MUST((unsigned char)*problem >= ' ' && *problem != 0x7f);
}

static void
check_span(int64_t ms)
{
	MUST(ms >= 0 && ms <= DURATION_MAX_MS);
}

static void
check_user(const struct acl *acl, size_t index)
{
	const struct acl_user *user = &acl->users[index];

	MUST(user->name[0]);
	MUST(acl_find(acl, user->digest.bytes, sizeof(user->digest.bytes)) ==
	    user);
	for (size_t i = 0; i < user->sources.count; i++) {
		const struct prefix *source = &user->sources.items[i];

		MUST(prefix_contains(source, &source->base));
		MUST(acl_user_permits(user, &source->base));
	}
}

static void
check_client(const struct config *config)
{
	const union address *local = &config->local_bind.address;

	MUST(config->servers.count > 0);
	for (size_t i = 0; i < config->servers.count; i++) {
		const struct endpoint *server = &config->servers.items[i];

		MUST(server->host[0] && server->port > 0);
		MUST(local->any.sa_family == AF_UNSPEC ||
		    server->address.any.sa_family == AF_UNSPEC ||
		    local->any.sa_family == server->address.any.sa_family);
	}
	MUST(memchr(config->local_bind.interface, '\0',
	    sizeof(config->local_bind.interface)));
}

static void
check_config(const struct config *config)
{
	MUST(config->listen.port > 0);
	check_span(config->timeout_ms);
	check_span(config->drain_ms);
	check_span(config->handshake_ms);
	if (config->kind == CONFIG_CLIENT)
		check_client(config);
	for (size_t i = 0; i < config->acl.user_count; i++)
		check_user(&config->acl, i);
}

static bool
load(enum config_kind kind)
{
	struct config *config;
	bool is_good;

	fatal_count = 0;
	config = config_load(path, kind, report);
	is_good = config != NULL;
	MUST(is_good == (fatal_count == 0));
	if (config) {
		MUST(config->kind == kind);
		check_config(config);
	}
	config_unref(config);
	return is_good;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	bool is_server, is_client;

	text = data;
	text_len = len;
	write_file();
	is_server = load(CONFIG_SERVER);
	is_client = load(CONFIG_CLIENT);
	/* The halves require different keys. */
	MUST(!is_server || !is_client);
	return 0;
}
