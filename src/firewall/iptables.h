#ifndef FIREWALL_IPTABLES_H
#define FIREWALL_IPTABLES_H

/* Translates what iptables-save(8) and its likes print. */

/*
 * Returns the same rules as libnftables-json(5) has them, written as JSON5, or
 * NULL for want of memory. What is not understood is in it as a limit, or as
 * a queue: nobody can tell what such a rule does. family: "ip" or "ip6". The
 * text is changed; the caller frees the result.
 */
char *iptables_translate(const char *family, char *text);

#endif
