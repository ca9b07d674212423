#include "net/local_bind.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

const char *
egress_parse_local(const char *text, struct egress *egress)
{
	const char *percent = strchr(text, '%');
	size_t host_len = percent ? (size_t)(percent - text) : strlen(text);
	char host[INET6_ADDRSTRLEN];
	union address address = { .any.sa_family = AF_UNSPEC };

	if (percent &&
	    (!percent[1] || strlen(percent + 1) >= IF_NAMESIZE ||
		strpbrk(percent + 1, "%/ \t\r\n")))
		return "what follows the % is no name of an interface";
	if (!percent && host_len == 0)
		return "write an address, %interface, or address%interface";
	if (host_len >= sizeof(host))
		return "this is no IPv4 or IPv6 address";
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	if (host_len > 0 && !address_parse(host, &address))
		return "this is no IPv4 or IPv6 address";
	if (host_len > 0 && address.any.sa_family == AF_INET6 && !percent &&
	    IN6_IS_ADDR_LINKLOCAL(&address.v6.sin6_addr))
		return "a link-local address needs its interface; "
		       "write address%interface";
	address_unmap(&address);
	if (host_len > 0 && !address_is_unicast(&address))
		return "nobody can send from this address";
	egress->address = address;
	strcpy(egress->interface, percent ? percent + 1 : "");
	return NULL;
}

static int
bind_address(const struct egress *egress, int fd, int family)
{
	union address address = egress->address;
	int on = 1;

	if (address.any.sa_family != family)
		return -EAFNOSUPPORT;
	/* An address of the link means nothing without the link (ipv6(7)). */
	if (family == AF_INET6 &&
	    IN6_IS_ADDR_LINKLOCAL(&address.v6.sin6_addr)) {
		address.v6.sin6_scope_id = if_nametoindex(egress->interface);
		if (address.v6.sin6_scope_id == 0)
			return -errno;
	}
	/* The port is chosen at connect(2), which knows of more that are free. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, &address.any, address_len(&address)))
		return -errno;
	return 0;
}

int
egress_apply(
    const struct egress *egress, int fd, int family, const char **tried)
{
	*tried = "set outbound.fwmark";
	if (egress->marked &&
	    setsockopt(
		fd, SOL_SOCKET, SO_MARK, &egress->mark, sizeof(egress->mark)))
		return -errno;
	*tried = "bind to the interface of outbound.local_addr";
	if (*egress->interface &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, egress->interface,
		(socklen_t)strlen(egress->interface)))
		return -errno;
	*tried = "bind to outbound.local_addr";
	if (egress->address.any.sa_family == AF_UNSPEC)
		return 0;
	return bind_address(egress, fd, family);
}
