#ifndef KERNEL_COUNTERS_H
#define KERNEL_COUNTERS_H

/* Counters of the kernel since it started: nstat(8). */

#include <stdint.h>

/* The packets that rp_filter has dropped; 0 also if that is unknown. */
uint64_t counters_filtered(void);

#endif
