#ifndef DOCTOR_GATE_H
#define DOCTOR_GATE_H

/* Whether users come to the client half. */

#include "examination.h"

/* What only root may: the firewall. */
void doctor_gate_look(const struct examination *examination);

/* All the rest. */
void doctor_gate_check(const struct examination *examination);

#endif
