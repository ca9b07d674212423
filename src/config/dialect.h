#ifndef CONFIG_DIALECT_H
#define CONFIG_DIALECT_H

/* Tells what a text that is no JSON5 was meant to be. */

#include <stddef.h>

/*
 * "YAML", "TOML" or NULL, by the first line that is neither blank nor a comment:
 * a key with a colon or an item, a section or a key with "=".
 */
const char *dialect_guess(const char *text, size_t len);

#endif
