#ifndef ABILITIES_H
#define ABILITIES_H

/* What sockets of this user may do, found out by doing it. */

#include "examination.h"

/*
 * Each one, whether the configuration has a use for it or not: it is wrong only
 * where it cannot do without, and other rooms do not say so.
 */
void abilities_check(const struct examination *examination);

#endif
