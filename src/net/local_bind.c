#include "net/local_bind.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

const char *
local_bind_parse_local(const char *text, struct local_bind *local_bind)
{
	const char *percent = strchr(text, '%');
	size_t host_len = percent ? (size_t)(percent - text) : strlen(text);
	char host[INET6_ADDRSTRLEN];
	union address address = { .any.sa_family = AF_UNSPEC };

	if (percent &&
	    (!percent[1] || strlen(percent + 1) >= IF_NAMESIZE ||
		strpbrk(percent + 1, "%/ \t\r\n")))
		return "the part after the % is not the name of an interface";
	if (!percent && host_len == 0)
		return "write an address, %interface, or address%interface";
	if (host_len >= sizeof(host))
		return "this is not an IPv4 or IPv6 address";
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	if (host_len > 0 && !address_parse(host, &address))
		return "this is not an IPv4 or IPv6 address";
	if (host_len > 0 && address.any.sa_family == AF_INET6 && !percent &&
	    IN6_IS_ADDR_LINKLOCAL(&address.v6.sin6_addr))
		return "a link-local address needs its interface; "
		       "write address%interface";
	address_unmap(&address);
	if (host_len > 0 && !address_is_unicast(&address))
		return "nobody can send from this address";
	local_bind->address = address;
	strcpy(local_bind->interface, percent ? percent + 1 : "");
	return NULL;
}

static int
bind_address(const struct local_bind *local_bind, int fd, int family)
{
	union address address = local_bind->address;
	int on = 1;

	if (address.any.sa_family != family)
		return -EAFNOSUPPORT;
	/* A link-local address needs its interface (ipv6(7)). */
	if (family == AF_INET6 &&
	    IN6_IS_ADDR_LINKLOCAL(&address.v6.sin6_addr)) {
		address.v6.sin6_scope_id =
		    if_nametoindex(local_bind->interface);
		if (address.v6.sin6_scope_id == 0)
			return -errno;
	}
	/*
	 * Let connect(2) choose the port: it has more free ports to choose from
	 * than bind(2).
	 */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, &address.any, address_len(&address)))
		return -errno;
	return 0;
}

int
local_bind_apply(
    const struct local_bind *local_bind, int fd, int family, const char **tried)
{
	*tried = "set outbound.fwmark";
	if (local_bind->marked &&
	    setsockopt(fd, SOL_SOCKET, SO_MARK, &local_bind->mark,
		sizeof(local_bind->mark)))
		return -errno;
	*tried = "bind to the interface of outbound.local_addr";
	if (*local_bind->interface &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, local_bind->interface,
		(socklen_t)strlen(local_bind->interface)))
		return -errno;
	*tried = "bind to outbound.local_addr";
	if (local_bind->address.any.sa_family == AF_UNSPEC)
		return 0;
	return bind_address(local_bind, fd, family);
}
