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
	bool logged;  /* log only problems; otherwise print all findings */
	bool as_json; /* an array of objects: kind, text, and fix or advice */
	bool any_printed, any_problem; /* so far */
	struct finding_kind {
		const char *format;
		unsigned count;
	} kinds[FINDING_KINDS]; /* format NULL ends them */
	unsigned not_shown;
};

/*
 * Counts a finding; kind: its format. False if FINDING_KIND_MAX of that kind
 * were shown already. finding_problem() calls it itself when it logs.
 */
bool finding_is_shown(struct findings *findings, const char *kind);

/* All is well. Prints one line, formatted as by printf(3). */
void finding_ok(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Worth knowing, but no problem: it works, or that is unknown. */
void finding_note(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The problem keeps connections from working. fix: a command for sh(1) that
 * ends it. If fix is NULL or "", advice says in words what to do.
 */
void finding_problem(struct findings *findings, const char *fix,
    const char *advice, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Ends the output, after the last finding. */
void finding_finish(struct findings *findings);

#endif
