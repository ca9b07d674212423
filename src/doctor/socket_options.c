#include "doctor/socket_options.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor/external.h"
#include "proxy/source_bind.h"

#define INTERFACE "lo"
#define MARK 1
#define PRIVILEGED_PORT 1023

static int
bind_foreign(int fd, int family, uint16_t port)
{
	union address foreign;
	int error = source_bind_set_freebind(fd);

	if (error)
		return error;
	external_sample(family, &foreign);
	address_set_port(&foreign, port);
	return bind(fd, &foreign.any, address_len(&foreign)) ? -errno : 0;
}

static int
try_freebind(int fd, int family)
{
	return bind_foreign(fd, family, 0);
}

static int
try_low_port(int fd, int family)
{
	return bind_foreign(fd, family, PRIVILEGED_PORT);
}

static int
try_mark(int fd, int family)
{
	int mark = MARK;

	(void)family;
	return setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) ? -errno
									: 0;
}

static int
try_interface(int fd, int family)
{
	(void)family;
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, INTERFACE,
		   sizeof(INTERFACE))
	    ? -errno
	    : 0;
}

static const struct ability {
	const char *name;
	int family;
	int (*try)(int fd, int family);
	const char *otherwise; /* what it takes */
} abilities[] = {
	{ "IP_FREEBIND for IPv4", AF_INET, try_freebind,
	    "it takes Linux with IPv4" },
	{ "IP_FREEBIND for IPv6", AF_INET6, try_freebind,
	    "it takes Linux with IPv6 (ipv6.disable=0)" },
	{ "IP_TRANSPARENT for IPv4", AF_INET, source_bind_set_transparent,
	    "it takes CAP_NET_RAW, or the users' prefix in the table local "
	    "(srcproxy rules --simple)" },
	{ "IP_TRANSPARENT for IPv6", AF_INET6, source_bind_set_transparent,
	    "it takes CAP_NET_RAW, and IPv6 does with IP_FREEBIND" },
	{ "SO_MARK", AF_INET, try_mark,
	    "it takes CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17" },
	{ "binding to an interface (SO_BINDTODEVICE)", AF_INET, try_interface,
	    "it takes CAP_NET_RAW before Linux 5.7" },
	{ "keeping users' source ports below 1024", AF_INET, try_low_port,
	    "it takes CAP_NET_BIND_SERVICE" },
};

static bool
is_needed(const struct doctor_context *context, const struct ability *ability)
{
	return ability->try == try_freebind &&
	    context->config->kind == CONFIG_SERVER &&
	    prefix_list_has_family(context->prefixes, ability->family);
}

static void
check(const struct doctor_context *context, const struct ability *ability)
{
	int fd = socket(ability->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = fd < 0 ? -errno : ability->try(fd, ability->family);

	if (fd >= 0)
		close(fd);
	if (!error)
		finding_ok(
		    context->findings, "%s works for this user", ability->name);
	else if (is_needed(context, ability))
		finding_problem(context->findings, ability->otherwise,
		    "%s does not work for this user (uid %u), who cannot bind "
		    "to the users' addresses: %s",
		    ability->name, getuid(), strerror(-error));
	else
		finding_note(context->findings,
		    "%s does not work for this user (uid %u): %s; %s",
		    ability->name, getuid(), strerror(-error),
		    ability->otherwise);
}

void
socket_options_check(const struct doctor_context *context)
{
	for (size_t i = 0; i < sizeof(abilities) / sizeof(*abilities); i++)
		check(context, &abilities[i]);
}
