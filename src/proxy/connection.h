#ifndef PROXY_CONNECTION_H
#define PROXY_CONNECTION_H

/* One connection's life, the same for both halves. */

#include <stdint.h>

#include "proxy/handover_record.h"
#include "proxy/role.h"

/*
 * Serves the accepted connection fd in a thread of its own, and logs its
 * failures. The number is that of admission_enter(). Takes over fd, the
 * reference to config and the place in the admission; it gives back the place
 * last. Returns 0, or a negative errno after resetting the connection for want
 * of a thread or memory.
 */
int connection_start(const struct service *service, struct config *config,
    uint64_t number, int fd, const union address *peer);

/*
 * A connection changes its process while its relay is still (relay_stop()). The
 * entry is that of the connection in the table.
 *
 * connection_describe() fills in what another process needs; the bytes of
 * record->flow[] are in bytes[], and the number of descriptors is returned. All
 * of them stay this process's until connection_forget(), which closes and frees
 * what the other process has now. Nothing is logged, and no peer sees it.
 */
size_t connection_describe(const struct connection_table_entry *entry,
    struct handover_connection *record, const uint8_t *bytes[2],
    int fds[HANDOVER_MAX_FDS]);
void connection_forget(struct connection_table_entry *entry);

/*
 * Takes over the connection of another process, its descriptors and the
 * reference to config. Its relay is still. NULL: no memory, and nothing is
 * taken.
 */
struct connection_table_entry *connection_restore(const struct service *service,
    struct config *config, const struct handover_connection *record,
    const uint8_t *const bytes[2], const int *fds);

/* The relay goes on, in either process. */
void connection_resume(struct connection_table_entry *entry);

#endif
