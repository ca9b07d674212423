#ifndef PROBLEMS_H
#define PROBLEMS_H

/* Files to be read by config.c and reader.c, and what they say of them. */

#include <stdbool.h>
#include <stddef.h>

/* A file with that text. Its path lasts until the next one is made. */
const char *problems_file(const char *text, size_t len);

/* Unlinks the file. */
void problems_forget_file(void);

/* A config_report or reader_sink: keeps what it is told. */
void problems_report(bool fatal, const char *problem);

/*
 * All that was reported since the last call, with " | " in between: without the
 * path of the file, and with "not fatal: " in front of what is not.
 */
const char *problems_reported(void);

#endif
