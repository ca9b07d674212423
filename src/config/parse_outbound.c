#include "config/parse_outbound.h"

#include <inttypes.h>

#include "config/parse_leg.h"

static const char *const outbound_keys[] = { "server", "auth", "local_addr",
	"fwmark", "fast_open", "congestion", NULL };

static void
read_local_addr(struct reader *reader, const struct json5 *outbound,
    const struct endpoint *server, struct local_bind *local_bind)
{
	const char *text = reader_word(reader, outbound, "local_addr");
	const char *wrong;

	if (!text)
		return;
	wrong = local_bind_parse_local(text, local_bind);
	if (!wrong && local_bind->address.any.sa_family != AF_UNSPEC &&
	    server->address.any.sa_family != AF_UNSPEC &&
	    local_bind->address.any.sa_family != server->address.any.sa_family)
		wrong = "the server's address is of the other family";
	if (wrong)
		reader_fail_address(
		    reader, json5_member(outbound, "local_addr"), text, wrong);
}

static void
read_fwmark(struct reader *reader, const struct json5 *outbound,
    struct local_bind *local_bind)
{
	const struct json5 *value =
	    reader_member(reader, outbound, "fwmark", JSON5_INTEGER);
	int64_t mark;

	if (!value || !json5_integer(value, &mark))
		return;
	if (mark < 0 || mark > UINT32_MAX) {
		reader_fail(reader, value,
		    "%" PRId64 ": a mark is 0 to 0xffffffff", mark);
		return;
	}
	local_bind->marked = true;
	local_bind->mark = (uint32_t)mark;
}

static void
read_server(struct reader *reader, const struct json5 *outbound,
    struct endpoint *server)
{
	reader_endpoint(reader, outbound, "server", server);
	if (server->port &&
	    (!*server->host ||
		(server->address.any.sa_family != AF_UNSPEC &&
		    !address_is_unicast(&server->address))))
		reader_fail(reader, json5_member(outbound, "server"),
		    "\"%.80s\": there is no server's address in it",
		    json5_string(json5_member(outbound, "server"), NULL));
}

void
config_outbound_read(struct reader *reader, const struct json5 *root,
    struct endpoint *server, struct digest *auth, struct local_bind *local_bind,
    struct leg *leg)
{
	const struct json5 *outbound;

	local_bind->address.any.sa_family = AF_UNSPEC;
	reader_require(reader, root, "outbound");
	outbound = reader_member(reader, root, "outbound", JSON5_OBJECT);
	if (!outbound)
		return;
	reader_refuse_unknown(reader, outbound, outbound_keys);
	read_server(reader, outbound, server);
	reader_digest(reader, outbound, "auth", auth);
	read_local_addr(reader, outbound, server, local_bind);
	read_fwmark(reader, outbound, local_bind);
	config_leg_read(reader, outbound, leg);
}
