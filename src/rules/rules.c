#include "rules/rules.h"

#include <errno.h>

#include "config/user_prefixes.h"
#include "rules/client_rules.h"
#include "rules/count.h"
#include "rules/server_rules.h"

/* "srcproxy-client-", a port, and the end of the string */
#define NAME_LEN 32

static void
begin_script(FILE *out, const char *name)
{
	fprintf(out,
	    "# %s: to be run by sh, as root. Run again, it changes nothing.\n"
	    "(\n"
	    "set -e\n",
	    name);
}

static void
end_script(FILE *out)
{
	fputs(")\n", out);
}

static int
print_exit(const struct config *config, const struct rules_request *request,
    const struct script *script)
{
	struct server_rules rules = {
		.script = *script,
		.iptables = request->iptables,
		.simple = request->simple,
		.port = config->listen.port,
		.mark = &config->return_mark,
	};

	rules.script.table = "mangle";
	begin_script(script->out, script->name);
	if (request->remove)
		server_rules_print_removal(&rules);
	else
		server_rules_print(&rules);
	/* Without nft(8) there are no counters to remove. */
	if (request->remove &&
	    (request->count || !(request->simple || request->iptables)))
		count_print_removal(script, rules.port);
	else if (request->count)
		count_print(script, rules.port);
	end_script(script->out);
	return 0;
}

static int
report_unknown(const char *host, const char *wrong, const char *advice)
{
	fprintf(stderr, "srcproxy: %s: %s%s\n", host, wrong, advice);
	return -ENOENT;
}

/* Rules take addresses without a scope. */
static void
drop_scopes(union address *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (addresses[i].any.sa_family == AF_INET6)
			addresses[i].v6.sin6_scope_id = 0;
	}
}

/*
 * The rules leave connections to the servers alone. The addresses of a name may
 * change, so they are asked for only if nothing else tells these connections
 * from others.
 */
static int
find_servers(const struct endpoint_list *list, bool needs_names,
    struct client_rules *rules, union address *servers)
{
	struct endpoint items[ENDPOINT_MAX_ADDRESSES];
	struct endpoint_list known = { .items = items };
	size_t count;

	for (size_t i = 0; i < list->count; i++) {
		const struct endpoint *server = &list->items[i];
		const char *wrong = NULL;

		if (endpoint_is_name(server) && !needs_names)
			continue;
		wrong = endpoint_resolve(server, servers, &count);
		if (wrong)
			return report_unknown(server->host, wrong,
			    "; with outbound.fwmark set, its addresses need "
			    "not be known");
		items[known.count++] = *server;
	}
	endpoint_list_resolve(&known, servers, &rules->server_count);
	drop_scopes(servers, rules->server_count);
	return 0;
}

/* Checks each family that the users have. */
static int
check_listeners(struct client_rules *rules)
{
	const struct prefix_list *list = rules->script.prefixes;
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < list->count; i++) {
		const struct prefix *prefix = &list->items[i];
		int family = prefix->base.any.sa_family;
		const union address *listener =
		    client_rules_listener(rules, family);

		prefix_format(prefix, text);
		if (!listener) {
			fprintf(stderr,
			    "srcproxy: %s: inbound.listen has no address of "
			    "this family\n",
			    text);
			return -EINVAL;
		}
		/* TPROXY gives packets to it from wherever they come. */
		if (!address_is_loopback(listener) || rules->tproxy)
			continue;
		if (!rules->output) {
			fprintf(stderr,
			    "srcproxy: %s: nothing from outside can be "
			    "redirected to inbound.listen, a loopback address; "
			    "write \":%u\" there\n",
			    text, address_port(listener));
			return -ENOTSUP;
		}
		rules->forward = false;
	}
	return 0;
}

static int
prepare_gate(const struct config *config, struct client_rules *rules,
    union address *listeners, union address *servers)
{
	const char *wrong = endpoint_resolve(
	    &config->listen, listeners, &rules->listener_count);
	int error;

	if (rules->tproxy && rules->output) {
		fputs("srcproxy: --output: inbound.mode \"tproxy\" takes only "
		      "what passes this host; for its own connections run a "
		      "second instance with the mode \"redirect\"\n",
		    stderr);
		return -ENOTSUP;
	}
	if (wrong)
		return report_unknown(config->listen.host, wrong, "");
	drop_scopes(listeners, rules->listener_count);
	rules->listeners = listeners;
	error = check_listeners(rules);
	if (error)
		return error;
	if (rules->output && config->local_bind.marked)
		rules->mark = config->local_bind.mark;
	rules->servers = servers;
	return find_servers(
	    &config->servers, rules->output && !rules->mark, rules, servers);
}

static int
print_gate(const struct config *config, const struct rules_request *request,
    const struct script *script)
{
	union address listeners[ENDPOINT_MAX_ADDRESSES];
	union address servers[ENDPOINT_MAX_ADDRESSES];
	struct client_rules rules = {
		.script = *script,
		.iptables = request->iptables,
		.tproxy = config->mode == INBOUND_TPROXY,
		.port = config->listen.port,
		.output = request->output,
		.forward = true,
		.exceptions = &config->exceptions,
		.bypass = &config->bypass,
	};
	int error = 0;

	rules.script.table = rules.tproxy ? "mangle" : "nat";
	if (!request->remove)
		error = prepare_gate(config, &rules, listeners, servers);
	if (error)
		return error;
	begin_script(script->out, script->name);
	if (request->remove)
		client_rules_print_removal(&rules);
	else
		client_rules_print(&rules);
	end_script(script->out);
	return 0;
}

int
rules_print(
    const struct config *config, const struct rules_request *request, FILE *out)
{
	bool is_client = config->kind == CONFIG_CLIENT;
	struct prefix_list prefixes = { 0 };
	struct script script = { .out = out, .prefixes = &prefixes };
	char name[NAME_LEN];
	int error;

	/* Two instances on one host differ in their half or their port. */
	snprintf(name, sizeof(name), "srcproxy-%s-%u",
	    is_client ? "client" : "server", config->listen.port);
	script.name = name;
	error = user_prefixes_collect(
	    config, request->prefixes, !request->remove, &prefixes);
	if (!error)
		error = (is_client ? print_gate : print_exit)(
		    config, request, &script);
	prefix_list_finish(&prefixes);
	return error;
}
