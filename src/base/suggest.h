#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

/* Guesses what a mistyped word was meant to be. */

/*
 * The word of the NULL-terminated list that the fewest letters have to be
 * inserted, dropped or replaced to reach (Levenshtein distance, where upper and
 * lower case are the same), or NULL when all are too far away to be meant.
 */
const char *suggest_word(const char *typed, const char *const words[]);

#endif
