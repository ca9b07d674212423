#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether the text has such a line, and that such a column or an end there.
 * Characters are not counted, so the column may be too large by some bytes.
 */
bool place_is_inside(
    const uint8_t *text, size_t len, size_t line, size_t column);

#endif
