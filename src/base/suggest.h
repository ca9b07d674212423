#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

/* Guesses the intended word from a mistyped one. */

/*
 * Returns the word of the NULL-terminated list that is nearest to the typed one
 * by Levenshtein distance (letters inserted, dropped or replaced; case does not
 * count). Returns NULL when every word is too far away.
 */
const char *suggest_word(const char *typed, const char *const words[]);

#endif
