#include "proxy/listeners.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/socket.h"
#include "process/socket_activation.h"
#include "proxy/takeover.h"

void
listeners_close(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++)
		close(listeners->list[i].fd);
	listeners->count = 0;
}

/* On a host without IPv6, socket_listen() takes 0.0.0.0 for [::]. */
static bool
is_same(const union address *bound, const union address *wanted)
{
	return address_equal(bound, wanted) ||
	    (address_is_unspecified(bound) && address_is_unspecified(wanted) &&
		address_port(bound) == address_port(wanted));
}

/* Returns a listener of the replaced process, or -1. */
static int
take_listener(struct takeover *takeover, const union address *wanted)
{
	for (size_t i = 0; i < takeover->listener_count; i++) {
		int fd = takeover->listen_fds[i];
		union address bound;

		if (fd < 0 || socket_adopt(fd, &bound) ||
		    !is_same(&bound, wanted))
			continue;
		takeover->listen_fds[i] = -1;
		return fd;
	}
	return -1;
}

/* Returns a descriptor. */
static int
open_one(const union address *address, struct takeover *takeover)
{
	char text[ADDRESS_STRLEN];
	int fd = take_listener(takeover, address);

	if (fd < 0)
		fd = socket_listen(address);
	if (fd < 0)
		log_error("cannot listen on %s: %s",
		    address_format(address, text), strerror(-fd));
	return fd;
}

/*
 * For example, localhost may have an IPv6 address while the host has no IPv6.
 */
static bool
is_unusable(int error)
{
	return error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

static int
open_all(struct listeners *listeners, const struct endpoint *endpoint,
    struct takeover *takeover)
{
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	const char *unknown;
	size_t count;

	unknown = endpoint_resolve(endpoint, addresses, &count);
	if (unknown) {
		log_error("cannot listen on %s: %s", endpoint->host, unknown);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		int fd = open_one(&addresses[i], takeover);

		if (fd < 0 && is_unusable(fd) && count > 1)
			continue;
		if (fd < 0) {
			listeners_close(listeners);
			return -1;
		}
		listeners->list[listeners->count++] =
		    (struct listener){ addresses[i], fd };
	}
	return listeners->count > 0 ? 0 : -1;
}

static const char *
why_unfit(int error)
{
	switch (error) {
	case -EBADF:
	case -ENOTSOCK:
		return "it is not a socket";
	case -EPROTOTYPE:
		return "it is not a TCP socket (ListenStream= with an address "
		       "and a port)";
	case -EINVAL:
		return "it does not listen (is it Accept=yes?)";
	default:
		return strerror(-error);
	}
}

static int
adopt_all(struct listeners *listeners, const int *fds, int count)
{
	if (count > ENDPOINT_MAX_ADDRESSES) {
		log_error("the service manager hands over %d sockets; no more "
			  "than %d can be used",
		    count, ENDPOINT_MAX_ADDRESSES);
		return -1;
	}
	listeners->are_adopted = true;
	for (int i = 0; i < count; i++) {
		struct listener *next = &listeners->list[listeners->count];
		int error;

		next->fd = fds[i];
		error = socket_adopt(next->fd, &next->address);
		if (error) {
			log_error("cannot use descriptor %d, which the service "
				  "manager hands over: %s",
			    next->fd, why_unfit(error));
			return -1;
		}
		listeners->count++;
	}
	return 0;
}

/* Loops are found by the port, and the configuration has one port. */
static int
check_ports(const struct listeners *listeners)
{
	const union address *first = &listeners->list[0].address;

	for (size_t i = 1; i < listeners->count; i++) {
		if (address_port(&listeners->list[i].address) !=
		    address_port(first)) {
			log_error("the sockets that the service manager hands "
				  "over have different ports: start an "
				  "instance for each");
			return -1;
		}
	}
	return 0;
}

static bool
is_among(const union address *address, const union address *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (address_equal(address, &list[i]))
			return true;
	}
	return false;
}

/*
 * Returns the first listener whose address is not the endpoint's; NULL: none.
 */
static const struct listener *
find_unconfigured(
    const struct listeners *listeners, const struct endpoint *endpoint)
{
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	size_t count = 0;

	endpoint_resolve(endpoint, addresses, &count);
	for (size_t i = 0; i < listeners->count; i++) {
		const struct listener *listener = &listeners->list[i];

		if (!is_among(&listener->address, addresses, count))
			return listener;
	}
	return NULL;
}

/*
 * A mismatch is worth a warning: the firewall rules are made from the
 * configuration.
 */
static void
use_adopted_address(
    const struct listeners *listeners, struct endpoint *endpoint)
{
	const struct listener *unconfigured =
	    find_unconfigured(listeners, endpoint);
	char text[ADDRESS_STRLEN], wanted[ENDPOINT_STRLEN];

	if (!unconfigured)
		return;
	address_format(&unconfigured->address, text);
	log_warning("the service manager hands over %s, and listen is "
		    "\"%s\"; the first one is used, make them the same",
	    text, endpoint_format(endpoint, wanted));
	endpoint_parse(text, endpoint);
	/*
	 * endpoint_parse() refuses an address with a scope; set the port and
	 * address anyway.
	 */
	endpoint->port = address_port(&unconfigured->address);
	endpoint->address = unconfigured->address;
}

static void
close_unused(struct takeover *takeover)
{
	for (size_t i = 0; i < takeover->listener_count; i++) {
		if (takeover->listen_fds[i] >= 0)
			close(takeover->listen_fds[i]);
	}
	takeover->listener_count = 0;
}

int
listeners_open(struct listeners *listeners, struct endpoint *endpoint,
    const struct socket_activation *given, struct takeover *takeover)
{
	const int *fds = given->fds;
	int count = given->count, error;

	listeners->count = 0;
	listeners->are_adopted = false;
	if (count == 0 && takeover->are_adopted) {
		fds = takeover->listen_fds;
		count = (int)takeover->listener_count;
		takeover->listener_count = 0;
	}
	if (count == 0)
		error = open_all(listeners, endpoint, takeover);
	else
		error = adopt_all(listeners, fds, count);
	close_unused(takeover);
	if (count == 0)
		return error;
	if (!error)
		error = check_ports(listeners);
	if (error)
		listeners_close(listeners);
	else
		use_adopted_address(listeners, endpoint);
	return error;
}
