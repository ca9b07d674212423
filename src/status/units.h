#ifndef STATUS_UNITS_H
#define STATUS_UNITS_H

/* Numbers as people read them. All return text, of UNITS_STRLEN. */

#include <stdint.h>

#define UNITS_STRLEN 32

/* "0 B", "999 B", "1.0 KiB", "1.5 GiB": at most four digits. */
const char *units_bytes(int64_t bytes, char text[UNITS_STRLEN]);

/* The same, a second: "1.5 MiB/s"; "-" for none. */
const char *units_rate(int64_t rate, char text[UNITS_STRLEN]);

/* "12s", "4m 10s", "5h 12m", "3d 4h" */
const char *units_age(int64_t seconds, char text[UNITS_STRLEN]);

/* "12s ago" at now, both in seconds since 1970; "never" if at is 0. */
const char *units_ago(int64_t now, int64_t at, char text[UNITS_STRLEN]);

#endif
