#include "doctor/finding.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

#define TEXT_MAX_LEN 512

static void __attribute__((format(printf, 2, 0)))
print(const char *kind, const char *format, va_list arguments)
{
	printf("%s: ", kind);
	vprintf(format, arguments);
	putchar('\n');
}

void
finding_ok(struct findings *findings, const char *format, ...)
{
	va_list arguments;

	if (findings->logged)
		return;
	va_start(arguments, format);
	print("ok", format, arguments);
	va_end(arguments);
}

void
finding_note(struct findings *findings, const char *format, ...)
{
	va_list arguments;

	if (findings->logged)
		return;
	va_start(arguments, format);
	print("note", format, arguments);
	va_end(arguments);
}

void
finding_problem(
    struct findings *findings, const char *fix, const char *format, ...)
{
	char text[TEXT_MAX_LEN];
	va_list arguments;

	findings->any_problem = true;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (findings->logged)
		log_warning("%s; to mend it: %s", text, fix);
	else
		printf("wrong: %s\n  mend: %s\n", text, fix);
}
