#ifndef NET_CONGESTION_H
#define NET_CONGESTION_H

/*
 * TCP's congestion control of single sockets (tcp(7): TCP_CONGESTION), for the
 * leg between the halves. Which ones an unprivileged process may choose, the
 * host says (net.ipv4.tcp_allowed_congestion_control).
 */

#define CONGESTION_MAX_LEN 15

/* The one that fd has; "" if that cannot be told. */
void congestion_read(int fd, char name[CONGESTION_MAX_LEN + 1]);

/*
 * Before fd connects, or for all that a listener accepts. "" changes nothing.
 * Returns 0 or a negative errno: -ENOENT where the kernel has none of that
 * name, -EPERM where it takes CAP_NET_ADMIN.
 */
int congestion_set(int fd, const char *name);

/*
 * For a connection: a route may have a word of its own (congctl in
 * ip-route(8)), which is stronger than what was set before. Sets it again; the
 * first failure of all is logged.
 */
void congestion_keep(int fd, const char *name);

/* Logs what congestion_set() returned, with what would help. */
void congestion_warn(const char *name, int error);

#endif
