#ifndef CONFIG_DIALECT_H
#define CONFIG_DIALECT_H

/* Recognizes configurations in a language other than JSON5. */

#include <stddef.h>

/*
 * Returns "YAML", "TOML" or NULL. The first line that is neither blank nor a
 * comment decides: YAML has a key with a colon, an item or a directive there, TOML
 * a section or a key with "=".
 */
const char *dialect_guess(const char *text, size_t len);

#endif
