#ifndef DOCTOR_FINDING_H
#define DOCTOR_FINDING_H

/*
 * What an examination of this host comes to: lines for a person, or warnings
 * in the log.
 */

#include <stdbool.h>

struct findings {
	bool logged; /* only what is wrong, in the log; else all, printed */
	bool any_problem; /* so far */
};

/* One line each, as printf(3) has it, without what follows the colon. */
void finding_ok(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* It works, or cannot be told, and is worth knowing. */
void finding_note(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* It keeps connections from working; remedy: a command, or what to do. */
void finding_problem(struct findings *findings, const char *fix,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
