#ifndef DOCTOR_CLIENT_H
#define DOCTOR_CLIENT_H

/* Whether users come to the client half. */

#include "doctor/context.h"

/* What only root may: the firewall. */
void doctor_gate_look(const struct examination *examination);

/* All the rest. */
void doctor_gate_check(const struct examination *examination);

#endif
