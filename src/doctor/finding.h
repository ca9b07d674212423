#ifndef DOCTOR_FINDING_H
#define DOCTOR_FINDING_H

/*
 * The findings of an examination: printed for a person, as JSON for a script,
 * or logged as warnings.
 */

#include <stdbool.h>

#include "base/text.h"

#define FINDING_KIND_MAX 20
#define FINDING_KINDS 32

struct findings {
	bool logged;  /* only problems, in the log; otherwise all, printed */
	bool as_json; /* an array of objects: kind, text, and fix or advice */
	bool any_printed, any_problem; /* so far */
	struct finding_kind {
		const char *format;
		unsigned count;
	} kinds[FINDING_KINDS]; /* format NULL ends them */
	unsigned not_shown;
};

/*
 * Counts a finding of that kind, a format. False if FINDING_KIND_MAX of it were
 * shown. Problems in the log ask this themselves.
 */
bool finding_is_shown(struct findings *findings, const char *kind);

/* One line each, as printf(3) has it, without what follows the colon. */
void finding_ok(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* It works, or cannot be told, and is worth knowing. */
void finding_note(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * It keeps connections from working. fix: a command for sh(1) that ends it;
 * where that is NULL or "", advice says in words what to do.
 */
void finding_problem(struct findings *findings, const char *fix,
    const char *advice, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* After the last one. */
void finding_finish(struct findings *findings);

#endif
