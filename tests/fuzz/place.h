#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Returns true if the text has that line and the line that column, or ends
 * right before it. Columns are counted in bytes here, so that a column in
 * characters always fits.
 */
bool place_is_inside(
    const uint8_t *text, size_t len, size_t line, size_t column);

#endif
