#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

/* How many items an array has; not for a pointer. */
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#endif
