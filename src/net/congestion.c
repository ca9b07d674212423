#include "net/congestion.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

void
congestion_read(int fd, char name[CONGESTION_MAX_LEN + 1])
{
	socklen_t len = CONGESTION_MAX_LEN;

	/* The kernel ends with NUL only a name that has room for it. */
	memset(name, 0, CONGESTION_MAX_LEN + 1);
	getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len);
}

int
congestion_set(int fd, const char *name)
{
	if (*name &&
	    setsockopt(
		fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)))
		return -errno;
	return 0;
}

void
congestion_keep(int fd, const char *name)
{
	static atomic_bool was_told;
	char used[CONGESTION_MAX_LEN + 1];
	int error;

	if (!*name)
		return;
	congestion_read(fd, used);
	if (!strcmp(used, name))
		return;
	error = congestion_set(fd, name);
	if (error && !atomic_exchange(&was_told, true))
		log_warning(
		    "a connection has the congestion control %s instead "
		    "of %s: %s; a route (ip route: congctl) or "
		    "net.ipv4.tcp_allowed_congestion_control is "
		    "against it",
		    used, name, strerror(-error));
}

void
congestion_warn(const char *name, int error)
{
	if (error == -ENOENT)
		log_warning(
		    "congestion: this kernel has no \"%s\", connections "
		    "have the host's own; load it (modprobe tcp_%s), "
		    "or name one of "
		    "net.ipv4.tcp_available_congestion_control",
		    name, name);
	else if (error == -EPERM)
		log_warning(
		    "congestion: \"%s\" is not permitted, connections "
		    "have the host's own; allow it: sysctl -w "
		    "net.ipv4.tcp_allowed_congestion_control=\"$(sysctl "
		    "-n net.ipv4.tcp_allowed_congestion_control) %s\"",
		    name, name);
	else if (error)
		log_warning("congestion: cannot set \"%s\": %s", name,
		    strerror(-error));
}
