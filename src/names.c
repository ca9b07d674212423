#include "names.h"

#include <features.h>

#if defined(IS_STATIC) && defined(__GLIBC__)

#include <nss.h>

#include "must.h"

void
names_init(void)
{
	/* Both are in libc.a since glibc 2.34. */
	must(__nss_configure_lookup("hosts", "files dns"));
	must(__nss_configure_lookup("passwd", "files"));
	must(__nss_configure_lookup("group", "files"));
	must(__nss_configure_lookup("initgroups", "files"));
}

#else

void
names_init(void)
{
}

#endif
