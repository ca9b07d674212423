#include "process/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifdef HAVE_LIBCAP_NG
#include <cap-ng.h>
#endif

#include "base/log.h"

#define LIST_MAX_LEN 256

static char kept_text[LIST_MAX_LEN] = "all of the user's";

const char *
privilege_state(void)
{
	return kept_text;
}

/* (uid_t)-1 means "leave it" to the kernel, so no user has it. */
static bool
parse_number(const char *text, uint32_t *number)
{
	unsigned long long value;
	char *end;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || value >= UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

static const char *
find_user(const char *name, struct privilege *privilege, bool *has_group)
{
	const struct passwd *entry = getpwnam(name);

	*has_group = true;
	if (!entry) {
		if (!parse_number(name, &privilege->uid))
			return "there is no such user; make one "
			       "(useradd --system), or name another";
		entry = getpwuid(privilege->uid);
	}
	if (!entry) {
		*has_group = false;
		return NULL;
	}
	if (strlen(entry->pw_name) > PRIVILEGE_NAME_MAX_LEN)
		return "the user's name is too long";
	strcpy(privilege->name, entry->pw_name);
	privilege->uid = entry->pw_uid;
	privilege->gid = entry->pw_gid;
	return NULL;
}

static const char *
find_group(const char *name, struct privilege *privilege)
{
	const struct group *entry = getgrnam(name);

	if (entry)
		privilege->gid = entry->gr_gid;
	else if (!parse_number(name, &privilege->gid))
		return "there is no such group; make one "
		       "(groupadd --system), or name another";
	return NULL;
}

const char *
privilege_parse(const char *text, struct privilege *privilege)
{
	const char *colon = strchr(text, ':'), *wrong;
	size_t user_len = colon ? (size_t)(colon - text) : strlen(text);
	char user[PRIVILEGE_NAME_MAX_LEN + 1];
	struct privilege result = { .name = "" };
	bool has_group;

	if (user_len == 0 || (colon && !colon[1]))
		return "write USER or USER:GROUP";
	if (user_len >= sizeof(user))
		return "the user's name is too long";
	memcpy(user, text, user_len);
	user[user_len] = '\0';
	wrong = find_user(user, &result, &has_group);
	if (!wrong && colon)
		wrong = find_group(colon + 1, &result);
	else if (!wrong && !has_group)
		wrong = "no user has this number, so the group is unknown; "
			"write USER:GROUP";
	if (!wrong)
		*privilege = result;
	return wrong;
}

#ifdef HAVE_LIBCAP_NG

#define NET_RAW (UINT64_C(1) << CAP_NET_RAW)
#define NET_ADMIN (UINT64_C(1) << CAP_NET_ADMIN)

/*
 * Loads the state that the functions below read, until they change libcap-ng's
 * copy.
 */
static int
read_capabilities(void)
{
	if (capng_get_caps_process() == 0)
		return 0;
	log_error("cannot read this process's capabilities: %s; if /proc is "
		  "not mounted, mount it",
	    strerror(errno));
	return -1;
}

/*
 * Capabilities that root itself lacks, as in many containers, cannot be kept.
 * SO_MARK and IP_TRANSPARENT also work with CAP_NET_ADMIN (socket(7), ip(7)),
 * so that stays if CAP_NET_RAW is missing.
 */
static uint64_t
available(uint64_t capabilities)
{
	uint64_t result = 0;

	for (unsigned i = 0; i < 64; i++) {
		uint64_t bit = UINT64_C(1) << i;

		if (capabilities & bit &&
		    capng_have_capability(CAPNG_PERMITTED, i))
			result |= bit;
	}
	if (capabilities & ~result & NET_RAW &&
	    capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN))
		result |= NET_ADMIN;
	return result;
}

static uint64_t
missing(uint64_t capabilities, uint64_t kept)
{
	if (kept & NET_ADMIN)
		capabilities &= ~NET_RAW;
	return capabilities & ~kept;
}

static void
select_only(uint64_t capabilities)
{
	capng_clear(CAPNG_SELECT_ALL);
	for (unsigned i = 0; i < 64; i++) {
		if (capabilities & UINT64_C(1) << i)
			capng_update(
			    CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, i);
	}
}

/* Writes "net_bind_service,net_raw", or "none". */
static const char *
format_capabilities(uint64_t capabilities, char text[LIST_MAX_LEN])
{
	size_t len = 0;

	strcpy(text, "none");
	for (unsigned i = 0; i < 64 && len < LIST_MAX_LEN; i++) {
		if (capabilities & UINT64_C(1) << i)
			len += (size_t)snprintf(text + len, LIST_MAX_LEN - len,
			    "%s%s", len > 0 ? "," : "",
			    capng_capability_to_name(i));
	}
	return text;
}

/*
 * An empty bounding set and no_new_privs each ensure that execve(2) gives no
 * capability back, even for a program with file capabilities. With the
 * securebits user 0 has no special rights any more.
 */
static int
change_identity(const struct privilege *privilege)
{
	capng_flags_t flags = CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT |
	    (*privilege->name ? CAPNG_INIT_SUPP_GRP : CAPNG_DROP_SUPP_GRP);

	if (capng_lock()) {
		log_error("cannot lock the securebits: %s; -u needs "
			  "CAP_SETPCAP",
		    strerror(errno));
		return -1;
	}
	if (capng_change_id((int)privilege->uid, (int)privilege->gid, flags)) {
		log_error("cannot become user %u, group %u: %s; -u needs "
			  "CAP_SETUID, CAP_SETGID and CAP_SETPCAP",
		    privilege->uid, privilege->gid, strerror(errno));
		return -1;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		log_error("cannot set no_new_privs: %s", strerror(errno));
		return -1;
	}
	return 0;
}

int
privilege_drop(const struct privilege *privilege, uint64_t capabilities)
{
	char text[LIST_MAX_LEN];
	uint64_t kept;

	if (geteuid() != 0) {
		log_error(
		    "only root can use -u: leave it out, or start as root");
		return -1;
	}
	if (read_capabilities())
		return -1;
	kept = available(capabilities);
	select_only(kept);
	if (change_identity(privilege))
		return -1;
	log_info("privileges user=%s uid=%u gid=%u capabilities=%s",
	    *privilege->name ? privilege->name : "-", privilege->uid,
	    privilege->gid, format_capabilities(kept, text));
	if (missing(capabilities, kept))
		log_warning("root lacks capabilities that this configuration "
			    "needs (in a container?): %s",
		    format_capabilities(missing(capabilities, kept), text));
	return 0;
}

int
privilege_trim(uint64_t capabilities)
{
	uint64_t kept;

	if (geteuid() == 0)
		return 0;
	if (read_capabilities())
		return -1;
	if (capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE)
		return 0;
	kept = available(capabilities);
	select_only(kept);
	/*
	 * A capability that is not inheritable is not ambient either:
	 * capabilities(7).
	 */
	if (capng_apply(CAPNG_SELECT_CAPS)) {
		log_error("cannot give up capabilities: %s", strerror(errno));
		return -1;
	}
	log_info("privileges uid=%u gid=%u capabilities=%s", geteuid(),
	    getegid(), format_capabilities(kept, kept_text));
	return 0;
}

#else

int
privilege_trim(uint64_t capabilities)
{
	(void)capabilities;
	return 0;
}

int
privilege_drop(const struct privilege *privilege, uint64_t capabilities)
{
	(void)privilege;
	(void)capabilities;
	log_error(
	    "-u is not available: this srcproxy was built without libcap-ng");
	return -1;
}

#endif
