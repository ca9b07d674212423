#ifndef DOCTOR_FINDING_H
#define DOCTOR_FINDING_H

/*
 * The findings of an examination: printed for a person, as JSON for a script,
 * or logged as warnings.
 */

#include <stdbool.h>

#include "base/message_quota.h"
#include "base/text.h"

struct findings {
	bool logged;  /* log only problems; otherwise print all findings */
	bool as_json; /* an array of objects: kind, text, and fix or advice */
	bool any_printed, any_problem, any_fix; /* so far */
	struct text settings; /* of sysctl(8), of fixes and advice: " A B" */
	struct message_quota quota;
	unsigned not_shown;
};

/*
 * Counts a finding; kind: its format. False if the quota of its kind is
 * used up. finding_problem() calls it itself when it logs.
 */
bool finding_is_shown(struct findings *findings, const char *kind);

/*
 * Prints one line, formatted as by printf(3). ok: all is well. note: worth
 * knowing, but no problem: it works, or that is unknown.
 */
#define finding_ok(findings, ...) finding_print(findings, "ok", __VA_ARGS__)
#define finding_note(findings, ...) finding_print(findings, "note", __VA_ARGS__)
void finding_print(struct findings *findings, const char *kind,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * The problem keeps connections from working. fix: a command for sh(1) that
 * ends it. If fix is NULL or "", advice says in words what to do.
 */
void finding_problem(struct findings *findings, const char *fix,
    const char *advice, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * Ends the output, after the last finding. A last note says how to keep the
 * printed fixes at a reboot.
 */
void finding_finish(struct findings *findings);

#endif
