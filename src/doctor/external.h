#ifndef DOCTOR_EXTERNAL_H
#define DOCTOR_EXTERNAL_H

/* The hosts beyond this host's links, as its routes reach them. */

#include "net/address.h"

/* An address that no user and no host here has, with a port. */
void external_sample(int family, union address *address);

/* Finds the address that this host's packets to the outside have; port 0. */
int external_find_own(int family, union address *own);

#endif
