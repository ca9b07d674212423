#ifndef PROCESS_NSS_H
#define PROCESS_NSS_H

/*
 * Where names of hosts, users and groups are looked up. To be called first of
 * all. A static binary must not load the modules of the host's nsswitch.conf:
 * they belong to another libc, or to none that is there. It reads the files of
 * /etc and asks the name servers of /etc/resolv.conf, whatever that says.
 */
void nss_configure(void);

/*
 * Loads the modules that look hosts up by that file, nsswitch.conf(5), before
 * the sandbox (sandbox.h) forbids to load any. One that cannot be loaded will
 * be passed over then.
 */
void nss_load(const char *path);

#endif
