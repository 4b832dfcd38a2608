/* cores.c: the affinity mask, counted. */
#include "base/cores.h"

#include <sched.h>

size_t heddle_cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}
