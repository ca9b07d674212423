#ifndef DOCTOR_GATE_H
#define DOCTOR_GATE_H

/* Whether users come to the client half. */

#include "examination.h"

void doctor_gate_check(const struct examination *examination);

#endif
