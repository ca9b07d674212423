#include "config/user_prefixes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
report(int error)
{
	if (error)
		fprintf(stderr, "srcproxy: %s\n", strerror(-error));
	return error;
}

static int
add_prefix(struct prefix_list *list, const struct prefix *prefix)
{
	return report(prefix_list_add(list, prefix));
}

/* The client half refuses everybody else, so the rules would cut them off. */
static void
warn_of_stranger(const struct prefix *prefix, const struct prefix_list *users)
{
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < users->count; i++) {
		if (prefix_is_within(prefix, &users->items[i]))
			return;
	}
	if (users->count > 0)
		fprintf(stderr,
		    "srcproxy: warning: %s is not within inbound.users, so the "
		    "client half refuses its connections; add it there\n",
		    prefix_format(prefix, text));
}

static int
add_text(
    struct prefix_list *list, const struct config *config, const char *text)
{
	const char *wrong;
	struct prefix prefix;
	bool masked;
	char taken[PREFIX_STRLEN];

	wrong = prefix_parse(text, &prefix, &masked);
	if (!wrong && prefix.bit_count == 0)
		wrong = "this is every address; name the users' prefixes only";
	if (wrong) {
		fprintf(stderr, "srcproxy: \"%s\": %s\n", text, wrong);
		return -EINVAL;
	}
	if (masked)
		fprintf(stderr,
		    "srcproxy: warning: \"%s\" has bits set behind the prefix; "
		    "used as %s\n",
		    text, prefix_format(&prefix, taken));
	warn_of_stranger(&prefix, &config->users);
	return add_prefix(list, &prefix);
}

static bool
is_limited(const struct acl_user *user)
{
	for (size_t i = 0; i < user->sources.count; i++) {
		if (user->sources.items[i].bit_count == 0)
			return false;
	}
	return user->sources.count > 0;
}

bool
user_prefixes_are_known(const struct config *config)
{
	const struct acl *acl = &config->acl;

	for (size_t i = 0; i < acl->user_count; i++) {
		if (!is_limited(&acl->users[i]))
			return false;
	}
	return acl->user_count > 0 || config->users.count > 0;
}

/* Leaves out a prefix of length 0. */
static int
add_user(struct prefix_list *list, const struct acl_user *user)
{
	int error = 0;

	for (size_t i = 0; i < user->sources.count && !error; i++) {
		if (user->sources.items[i].bit_count > 0)
			error = add_prefix(list, &user->sources.items[i]);
	}
	return error;
}

static int
add_config(struct prefix_list *list, const struct config *config)
{
	const struct acl *acl = &config->acl;
	int error = 0;

	for (size_t i = 0; i < acl->user_count && !error; i++)
		error = add_user(list, &acl->users[i]);
	for (size_t i = 0; i < config->users.count && !error; i++)
		error = add_prefix(list, &config->users.items[i]);
	return error;
}

int
user_prefixes_collect(const struct config *config, char *const *texts,
    bool required, struct prefix_list *list)
{
	bool is_complete = *texts || user_prefixes_are_known(config);
	int error = add_config(list, config);

	while (*texts && !error)
		error = add_text(list, config, *texts++);
	if (!error)
		error = report(prefix_list_reduce(list));
	if (error || is_complete || !required)
		return error;
	if (config->kind == CONFIG_CLIENT)
		fputs("srcproxy: the users' prefixes are missing; set "
		      "inbound.users, or srcproxy rules client CONFIG "
		      "PREFIX...\n",
		    stderr);
	else
		fputs("srcproxy: the configuration allows any source; name the "
		      "prefixes that are routed to this host: srcproxy rules "
		      "server CONFIG PREFIX...\n",
		    stderr);
	return -EINVAL;
}
