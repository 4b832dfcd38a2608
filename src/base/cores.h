/* cores.h: how many threads may run at once. */
#ifndef HEDDLE_BASE_CORES_H
#define HEDDLE_BASE_CORES_H

#include <stddef.h>

/* Cores that this process may use (its affinity, which containers and taskset set), at least 1. Threads: any. */
size_t heddle_cores(void);

#endif
