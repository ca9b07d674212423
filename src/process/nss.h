#ifndef PROCESS_NSS_H
#define PROCESS_NSS_H

/*
 * Configures the lookup of host, user and group names. Call it before anything
 * else. A static binary must not load the modules of the host's nsswitch.conf:
 * they belong to another libc, which may be missing. It always reads the files
 * of /etc and asks the name servers of /etc/resolv.conf.
 */
void nss_configure(void);

/*
 * Loads the modules for host lookup that the file at path names
 * (nsswitch.conf(5)), because the sandbox (sandbox.h) forbids to load any
 * later. Later lookups skip a module that failed to load.
 */
void nss_load(const char *path);

#endif
