/* rows.h: the rows that bench/load_rows.c, bench/raw_rows.c and bench/lib/write_rows.py write into a server: the same on all
 * sides, made of their number alone. And what each of them prints.
 */
#ifndef HEDDLE_BENCH_LIB_ROWS_H
#define HEDDLE_BENCH_LIB_ROWS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ROW_TEXT = 120, ROW_DIMENSIONS = 384 };

/* 120 characters, the number in front. */
static inline void row_text(int64_t id, char text[static ROW_TEXT + 1])
{
    static const char words[] = "pump removed, seal worn at the pressure port; ";
    const int length = snprintf(text, ROW_TEXT + 1, "%lld ", (long long)id);
    for (int i = length; i < ROW_TEXT; i++) {
        text[i] = words[(size_t)i % (sizeof words - 1)];
    }
    text[ROW_TEXT] = '\0';
}

static inline float row_component(int64_t id, int at)
{
    return (float)((id * ROW_DIMENSIONS + at) % 1009) / 1009.0F - 0.5F;
}

struct row_clock {
    double wall;
    double cpu; /* of this process, all threads, user and system */
};

static inline struct row_clock row_clock_now(void)
{
    struct timespec now;
    struct rusage usage;
    clock_gettime(CLOCK_MONOTONIC, &now);
    getrusage(RUSAGE_SELF, &usage);
    const double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    return (struct row_clock){(double)now.tv_sec + (double)now.tv_nsec * 1e-9, cpu};
}

static inline void row_report(const char *who, int64_t rows, struct row_clock from)
{
    const struct row_clock now = row_clock_now();
    printf("{\"who\": \"%s\", \"rows\": %lld, \"seconds\": %.4f, \"rows_per_second\": %.0f, "
           "\"cpu_us_per_row\": %.3f}\n",
           who, (long long)rows, now.wall - from.wall, (double)rows / (now.wall - from.wall),
           (now.cpu - from.cpu) * 1e6 / (double)rows);
}

#endif
