#include "status/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "status/answer.h"
#include "status/metrics.h"
#include "status/screen.h"
#include "status/view.h"
#include "status/watch.h"

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
	default:
		return strerror(-error);
	}
}

static void
report(const struct config *config, const char *problem)
{
	fprintf(stderr, "srcproxy: cannot ask %s: %s\n", config->status_path,
	    problem);
}

/* The text as it came, and the object. Both are the caller's on success. */
static int
ask(const struct config *config, const char *line, char **text,
    struct json_object **answer)
{
	size_t len;
	int error = answer_fetch(config->status_path, line, text, &len);

	if (error) {
		report(config, explain(error));
		return error;
	}
	*answer = answer_parse(*text, len);
	if (*answer)
		return 0;
	report(config,
	    "its answer ends early: another client may have cut "
	    "it off; ask again");
	free(*text);
	return -EPROTO;
}

/* A watch_ask. */
static struct json_object *
ask_again(const void *owner)
{
	struct json_object *answer;
	char *text;

	if (ask(owner, "status\n", &text, &answer))
		return NULL;
	free(text);
	return answer;
}

static void
print(const struct status_request *request, const char *text,
    struct json_object *answer)
{
	struct screen screen;

	screen_open(&screen);
	if (request->json)
		fputs(text, stdout);
	else if (request->metrics)
		metrics_print(answer, stdout);
	else if (request->connections)
		view_print_connections(answer, &screen);
	else
		view_print(answer, &screen);
}

static int
ask_once(const struct config *config, const struct status_request *request)
{
	const char *user = request->user;
	struct json_object *answer;
	char line[128] = "status\n", *text;
	int error;

	if (request->connections)
		snprintf(line, sizeof(line), "connections%s%.64s\n",
		    user ? " " : "", user ? user : "");
	error = ask(config, line, &text, &answer);
	if (error)
		return error;
	print(request, text, answer);
	json_object_put(answer);
	free(text);
	if (fflush(stdout) == 0)
		return 0;
	error = -errno;
	perror("srcproxy: cannot write the status");
	return error;
}

int
status_run(const struct config *config, const struct status_request *request)
{
	if (!*config->status_path) {
		fputs("srcproxy: status is false in this configuration, so "
		      "there is nobody to ask: leave it out, and restart the "
		      "half\n",
		    stderr);
		return -ENOTSUP;
	}
	if (!request->watch)
		return ask_once(config, request);
	if (!isatty(STDOUT_FILENO)) {
		fputs("srcproxy: --watch is for a terminal; leave it out\n",
		    stderr);
		return -EINVAL;
	}
	watch_run(ask_again, config);
	return -EIO;
}
