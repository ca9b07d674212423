#ifndef SYSCTL_H
#define SYSCTL_H

/* A setting of the kernel's network: sysctl(8). */

#include <stdbool.h>

/* name: below net, with slashes: "ipv4/ip_forward". False: there is none. */
bool sysctl_read(const char *name, long *value);

#endif
