#include "process/nss.h"

#include <features.h>

#if defined(IS_STATIC) && defined(__GLIBC__)

#include <nss.h>

#include "base/must.h"

void
nss_configure(void)
{
	/* Both are in libc.a since glibc 2.34. */
	must(__nss_configure_lookup("hosts", "files dns"));
	must(__nss_configure_lookup("passwd", "files"));
	must(__nss_configure_lookup("group", "files"));
	must(__nss_configure_lookup("initgroups", "files"));
}

#else

void
nss_configure(void)
{
}

#endif

#if defined(IS_STATIC) || !defined(__GLIBC__)

void
nss_load(const char *path)
{
	(void)path;
}

#else

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define SEPARATORS " \t\r\n"
#define NAME_MAX_LEN 100

/* They are never unloaded; the C library may hold a reference of its own. */
static void
load(const char *service)
{
	char name[NAME_MAX_LEN];

	if ((size_t)snprintf(name, sizeof(name), "libnss_%s.so.2", service) <
	    sizeof(name))
		dlopen(name, RTLD_NOW);
}

/* "[NOTFOUND=return]" is no service, and may contain blanks. */
static void
load_all(char *services)
{
	char *rest, *action = services;

	services[strcspn(services, "#")] = '\0';
	while ((action = strchr(action, '['))) {
		size_t len = strcspn(action, "]");

		memset(action, ' ', action[len] ? len + 1 : len);
	}
	for (char *service = strtok_r(services, SEPARATORS, &rest); service;
	     service = strtok_r(NULL, SEPARATORS, &rest))
		load(service);
}

void
nss_load(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[1000], *start;

	while (file && fgets(line, sizeof(line), file)) {
		start = line + strspn(line, SEPARATORS);
		if (!strncmp(start, "hosts:", strlen("hosts:")))
			load_all(start + strlen("hosts:"));
	}
	if (file)
		fclose(file);
}

#endif
