#ifndef FIREWALL_IPTABLES_H
#define FIREWALL_IPTABLES_H

/* Translates the output of iptables-save(8) and its variants. */

/*
 * Returns the same rules in the form of libnftables-json(5), written as JSON5,
 * or NULL if memory is short. A part that is not understood becomes a limit or
 * a queue, so that the rule's effect is unknown. family: "ip" or "ip6". text is
 * changed; the caller frees the result.
 */
char *iptables_translate(const char *family, char *text);

#endif
