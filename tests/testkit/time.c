/* time.c: the suite's own time for one test: frozen, and moved on by hand.
 *
 * The driver is not asked to help: this program's clock_gettime() takes the place of the C library's (visible, so that it
 * does in libheddle too), and answers each thread by its own time. A test is served by one thread, so others see nothing of it.
 */
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"

enum { NANOSECONDS_A_MILLISECOND = 1000000, NANOSECONDS_A_SECOND = 1000000000 };

/* Every clock of a thread stands still while `frozen`; `ahead_ns` is what the suite has added since. What is answered depends on
 * nothing that still moves: a clock that goes back by a microsecond is a wait of centuries to whoever subtracts. */
static _Thread_local struct {
    bool frozen;
    int64_t monotonic_ns;
    int64_t wall_ns;
    int64_t ahead_ns; /* ticks */
} mock;

static int64_t real_ns(clockid_t clock)
{
    struct timespec now = {0};
    (void)syscall(SYS_clock_gettime, clock, &now);
    return (int64_t)now.tv_sec * NANOSECONDS_A_SECOND + now.tv_nsec;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now)
{
    const bool stands = mock.frozen && (clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME);
    const int64_t frozen_ns = clock == CLOCK_MONOTONIC ? mock.monotonic_ns : mock.wall_ns;
    const int64_t ns = stands ? frozen_ns + mock.ahead_ns : real_ns(clock);
    now->tv_sec = (time_t)(ns / NANOSECONDS_A_SECOND);
    now->tv_nsec = (long)(ns % NANOSECONDS_A_SECOND);
    return 0;
}

bool time_request(struct backend *backend, const char *name, const json_t *data)
{
    if (strcmp(name, "FakeTimeInstall") == 0) {
        mock.monotonic_ns = real_ns(CLOCK_MONOTONIC);
        mock.wall_ns = real_ns(CLOCK_REALTIME);
        mock.ahead_ns = 0;
        mock.frozen = true;
    } else if (strcmp(name, "FakeTimeTick") == 0) {
        mock.ahead_ns += data_integer(data, "incrementMs", 0) * NANOSECONDS_A_MILLISECOND;
    } else if (strcmp(name, "FakeTimeUninstall") == 0) {
        mock.frozen = false;
    } else {
        return false;
    }
    backend_respond(backend, "FakeTimeAck", NULL);
    return true;
}
