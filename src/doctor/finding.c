#include "doctor/finding.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/unicode.h"

/* A path may hold any byte, which JSON may not. */
static void
add_json(struct json_object *object, const char *key, const char *value)
{
	char *text = strdup(value);

	if (!text)
		return;
	unicode_clean(text, strlen(text), NULL);
	json_object_object_add(object, key, json_object_new_string(text));
	free(text);
}

/* remedy: "fix" or "advice"; NULL: none. how: its text. */
static void
print_json(struct findings *findings, const char *kind, const char *text,
    const char *remedy, const char *how)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return;
	add_json(object, "kind", kind);
	add_json(object, "text", text);
	if (remedy)
		add_json(object, remedy, how);
	printf("%s%s", findings->any_printed ? ",\n" : "[\n",
	    json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

/* Adds the names from each "sysctl -w NAME=VALUE NAME=VALUE" of the text. */
static void
collect_settings(struct findings *findings, const char *text)
{
	static const char command[] = "sysctl -w ";
	struct text name;
	size_t len;

	while ((text = strstr(text, command))) {
		text += strlen(command);
		while (text[len = strcspn(text, " =")] == '=') {
			text_set(&name, " %.*s", (int)len, text);
			if (!strstr(findings->settings.chars, name.chars))
				text_add(&findings->settings, "%s", name.chars);
			text += strcspn(text, " ;,");
			text += *text == ' ';
		}
	}
}

static void
print(struct findings *findings, const char *kind, const char *text,
    const char *remedy, const char *how)
{
	if (findings->as_json)
		print_json(findings, kind, text, remedy, how);
	else if (remedy)
		printf("%s: %s\n  %s: %s\n", kind, text, remedy, how);
	else
		printf("%s: %s\n", kind, text);
	findings->any_printed = true;
	if (remedy) {
		findings->any_fix |= !strcmp(remedy, "fix");
		collect_settings(findings, how);
	}
}

bool
finding_is_shown(struct findings *findings, const char *kind)
{
	bool shown = message_quota_take(&findings->quota, kind);

	findings->not_shown += !shown;
	return shown;
}

void
finding_print(
    struct findings *findings, const char *kind, const char *format, ...)
{
	char text[TEXT_MAX_LEN];
	va_list arguments;

	if (findings->logged)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	print(findings, kind, text, NULL, NULL);
}

void
finding_problem(struct findings *findings, const char *fix, const char *advice,
    const char *format, ...)
{
	bool is_command = fix && *fix;
	const char *remedy = is_command ? "fix" : "advice";
	const char *how = is_command ? fix : advice;
	char text[TEXT_MAX_LEN];
	va_list arguments;

	findings->any_problem = true;
	if (findings->logged && !finding_is_shown(findings, format))
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (findings->logged)
		log_warning("%s; %s: %s", text, remedy, how);
	else
		print(findings, "problem", text, remedy, how);
}

/* Without -w, sysctl(8) prints settings in the form that it reads again. */
static void
note_keeping(struct findings *findings)
{
	const struct text *settings = &findings->settings;
	bool has_some = settings->len > 0;

	if (findings->any_fix || has_some)
		finding_note(findings,
		    "fixes may be lost at reboot: see \"Keep a fix\" in "
		    "srcproxy-operations(7)%s%s%s",
		    has_some ? "; to keep settings, once they are set: sysctl"
			     : "",
		    settings->chars,
		    has_some ? " >>/etc/sysctl.d/srcproxy.conf" : "");
}

void
finding_finish(struct findings *findings)
{
	static const char format[] = "%u more findings like these are not "
				     "shown";

	if (findings->not_shown > 0 && findings->logged)
		log_warning(format, findings->not_shown);
	else if (findings->not_shown > 0)
		finding_note(findings, format, findings->not_shown);
	note_keeping(findings);
	if (findings->as_json)
		puts(findings->any_printed ? "\n]" : "[]");
}
