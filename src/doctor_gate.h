#ifndef DOCTOR_GATE_H
#define DOCTOR_GATE_H

/* Whether users come to the client half, and the client half to the server. */

#include "examination.h"

/* By what the kernel says of its routes, without a packet: cheap. */
void doctor_gate_check_routes(const struct examination *examination);

/* All the rest; takes some seconds where nobody answers. */
void doctor_gate_check(const struct examination *examination);

#endif
