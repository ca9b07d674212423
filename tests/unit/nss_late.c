/* A module for nsswitch.conf(5), which knows one host. */

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <string.h>
#include <sys/socket.h>

#define NAME "host.late.example"

struct answer {
	struct in_addr address;
	char *addresses[2], *aliases[1];
};

/* As the C library calls it. */
enum nss_status _nss_late_gethostbyname2_r(const char *name, int family,
    struct hostent *host, char *buffer, size_t size, int *error,
    int *host_error);

enum nss_status
_nss_late_gethostbyname2_r(const char *name, int family, struct hostent *host,
    char *buffer, size_t size, int *error, int *host_error)
{
	struct answer *answer = (void *)buffer;

	*error = ENOENT;
	*host_error = HOST_NOT_FOUND;
	if (family != AF_INET || strcmp(name, NAME) != 0)
		return NSS_STATUS_NOTFOUND;
	*error = ERANGE;
	*host_error = NETDB_INTERNAL;
	if (size < sizeof(*answer))
		return NSS_STATUS_TRYAGAIN;
	answer->address.s_addr = htonl(INADDR_LOOPBACK);
	answer->addresses[0] = (char *)&answer->address;
	answer->addresses[1] = answer->aliases[0] = NULL;
	*host = (struct hostent){
		.h_name = (char *)NAME,
		.h_aliases = answer->aliases,
		.h_addrtype = AF_INET,
		.h_length = sizeof(answer->address),
		.h_addr_list = answer->addresses,
	};
	return NSS_STATUS_SUCCESS;
}
