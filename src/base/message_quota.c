#include "base/message_quota.h"

bool
message_quota_take(struct message_quota *quota, const char *format)
{
	struct message_kind *kind = quota->kinds;
	const struct message_kind *last = kind + MESSAGE_KINDS - 1;

	while (kind < last && kind->format && kind->format != format)
		kind++;
	kind->format = format;
	return ++kind->count <= MESSAGE_QUOTA;
}
