#include "status/watch.h"

#include <poll.h>
#include <stdlib.h>

#include "base/deadline.h"
#include "status/screen.h"
#include "status/view.h"

#define INTERVAL_MS 2000

/* All at once, so that nothing flickers. */
static void
show(struct json_object *answer, struct json_object *before, double seconds)
{
	struct screen screen;
	char *text = NULL;
	size_t len = 0;

	/* Each time, for it may have been resized. */
	screen_open(&screen);
	screen.out = open_memstream(&text, &len);
	if (!screen.out)
		return;
	view_print_live(answer, before, seconds, &screen);
	fclose(screen.out);
	/* Home, and nothing below: console_codes(4). */
	fputs("\033[H\033[J", stdout);
	fwrite(text, 1, len, stdout);
	fflush(stdout);
	free(text);
}

void
watch_run(watch_ask *ask, const void *owner)
{
	struct json_object *before = NULL, *answer;
	int64_t asked_at = 0;

	while ((answer = ask(owner))) {
		int64_t now = deadline_now();

		show(answer, before, (double)(now - asked_at) / 1000);
		asked_at = now;
		json_object_put(before);
		before = answer;
		poll(NULL, 0, INTERVAL_MS);
	}
	json_object_put(before);
}
