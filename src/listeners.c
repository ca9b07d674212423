#include "listeners.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "socket.h"

void
listeners_close(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++)
		close(listeners->list[i].fd);
	listeners->count = 0;
}

/* Returns a descriptor. */
static int
open_one(const union address *address)
{
	char text[ADDRESS_STRLEN];
	int fd = socket_listen(address);

	if (fd < 0)
		log_error("cannot listen on %s: %s",
		    address_format(address, text), strerror(-fd));
	return fd;
}

/* localhost may have an IPv6 address, the host no IPv6. */
static bool
is_unusable(int error)
{
	return error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

int
listeners_open(struct listeners *listeners, const struct endpoint *endpoint)
{
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	const char *unknown;
	size_t count;

	listeners->count = 0;
	unknown = endpoint_resolve(endpoint, addresses, &count);
	if (unknown) {
		log_error("cannot listen on %s: %s", endpoint->host, unknown);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		int fd = open_one(&addresses[i]);

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
