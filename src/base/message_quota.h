#ifndef BASE_MESSAGE_QUOTA_H
#define BASE_MESSAGE_QUOTA_H

/*
 * Limits how many messages of a kind are shown, so that no input can fill the
 * log. Messages with the same format string are of one kind. All zero is a new
 * quota.
 */

#include <stdbool.h>

#define MESSAGE_QUOTA 20
#define MESSAGE_KINDS 64 /* further kinds share the last place */

struct message_quota {
	struct message_kind {
		const char *format;
		unsigned count;
	} kinds[MESSAGE_KINDS]; /* format NULL ends them */
};

/* Counts a message. False if MESSAGE_QUOTA of its kind were shown already. */
bool message_quota_take(struct message_quota *quota, const char *format);

#endif
