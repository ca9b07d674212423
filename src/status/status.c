#include "status/status.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "status/answer.h"
#include "status/metrics.h"
#include "status/screen.h"
#include "status/view.h"

#define INTERVAL_MS 2000

static const char *
explain(int error)
{
	switch (error) {
	case -ENOENT:
		return "there is no such socket: the half does not run, or "
		       "could not make it, which its log says";
	case -ECONNREFUSED:
		return "nobody answers: the half was killed; start it again";
	case -EACCES:
	case -EPERM:
		return "only root and the group of the service may ask: use "
		       "sudo";
	case -ETIMEDOUT:
		return "no answer for ten seconds; is the half stopped "
		       "(SIGSTOP), or another client asking?";
	case -EPROTO:
		return "its answer ends early: another client may have cut "
		       "it off; ask again";
	default:
		return strerror(-error);
	}
}

/* The caller owns the answer. NULL: an error was reported. */
static struct json_object *
ask(const char *path, const char *line)
{
	struct json_object *answer;
	int error = answer_fetch(path, line, &answer);

	if (!error)
		return answer;
	fprintf(stderr, "srcproxy: cannot ask %s: %s\n", path, explain(error));
	return NULL;
}

static void
print(const struct status_request *request, struct json_object *answer)
{
	struct screen screen;

	screen_open(&screen);
	if (request->json)
		puts(json_object_to_json_string_ext(answer,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (request->metrics)
		metrics_print(answer, stdout);
	else if (request->connections)
		view_print_connections(answer, &screen);
	else
		view_print(answer, &screen);
}

static int
ask_once(const struct status_request *request)
{
	const char *user = request->user;
	struct json_object *answer;
	char line[128] = "status\n";

	if (request->connections)
		snprintf(line, sizeof(line), "connections%s%.64s\n",
		    user ? " " : "", user ? user : "");
	answer = ask(request->path, line);
	if (!answer)
		return -EIO;
	if (request->prefixes)
		json_object_object_add(
		    answer, "prefixes", json_object_get(request->prefixes));
	print(request, answer);
	json_object_put(answer);
	return 0;
}

/*
 * Written all at once, so that nothing flickers. Returns false if the terminal
 * is gone.
 */
static bool
show(struct json_object *answer, struct json_object *before, double seconds)
{
	struct screen screen;
	char *text = NULL;
	size_t len = 0;

	/* Each time, as the terminal may have been resized. */
	screen_open(&screen);
	screen.out = open_memstream(&text, &len);
	if (!screen.out)
		return true;
	view_print_live(answer, before, seconds, &screen);
	fclose(screen.out);
	/* Home, and clear what is below: console_codes(4). */
	printf("\033[H\033[J%s", text);
	free(text);
	fflush(stdout);
	return !ferror(stdout);
}

/* Until it is interrupted, or the half or the terminal does not answer. */
static int
watch(const char *path)
{
	struct json_object *before = NULL, *answer;
	bool is_shown = true;
	int64_t asked_at = 0;

	while (is_shown && (answer = ask(path, "status\n"))) {
		int64_t now = deadline_now();

		is_shown =
		    show(answer, before, (double)(now - asked_at) / 1000);
		asked_at = now;
		json_object_put(before);
		before = answer;
		poll(NULL, 0, INTERVAL_MS);
	}
	json_object_put(before);
	return -EIO;
}

int
status_run(const struct status_request *request)
{
	if (!*request->path) {
		fputs("srcproxy: status is false in this configuration, so "
		      "there is nobody to ask: leave it out, and restart the "
		      "half\n",
		    stderr);
		return -ENOTSUP;
	}
	if (!request->watch)
		return ask_once(request);
	if (isatty(STDOUT_FILENO))
		return watch(request->path);
	fputs("srcproxy: --watch is for a terminal; leave it out\n", stderr);
	return -EINVAL;
}
