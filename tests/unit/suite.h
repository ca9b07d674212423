#ifndef SUITE_H
#define SUITE_H

/* Each room's file here defines suite(); main.c runs it. */

#include <check.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *suite(void);

#endif
