/* clock.h: time as the rest of heddle sees it. */
#ifndef HEDDLE_BASE_CLOCK_H
#define HEDDLE_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic nanoseconds since an arbitrary start. */
uint64_t heddle_clock_ns(void);

/* CPU nanoseconds of the calling thread. */
uint64_t heddle_clock_thread_cpu_ns(void);

/* CPU nanoseconds of the whole process. */
uint64_t heddle_clock_process_cpu_ns(void);

/* Sleeps at least `milliseconds`. */
void heddle_clock_sleep_ms(uint32_t milliseconds);

#endif
