/* zone.c: offsets of named time zones, from the C library.
 *
 * The C library knows one zone at a time, by the environment: a lock keeps threads from changing it under each other.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* With the lock held. */
static bool zone_set(const char *zone)
{
    char path[300];
    char value[300];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
    snprintf(value, sizeof value, ":%s", zone);
    if (strstr(zone, "..") != NULL || access(path, R_OK) != 0) {
        return false;
    }
    setenv("TZ", value, 1);
    tzset();
    return true;
}

bool zone_offset_of_utc(const char *zone, int64_t utc_seconds, int32_t *offset_out)
{
    struct tm broken_down;
    const time_t seconds = (time_t)utc_seconds;
    pthread_mutex_lock(&lock);
    const bool known = zone_set(zone) && localtime_r(&seconds, &broken_down) != NULL;
    pthread_mutex_unlock(&lock);
    if (known) {
        *offset_out = (int32_t)broken_down.tm_gmtoff;
    }
    return known;
}

bool zone_offset_of_wall_clock(const char *zone, int64_t seconds, int32_t *offset_out)
{
    struct tm broken_down;
    const time_t as_if_utc = (time_t)seconds;
    pthread_mutex_lock(&lock);
    const bool known = zone_set(zone) && gmtime_r(&as_if_utc, &broken_down) != NULL;
    if (known) {
        broken_down.tm_isdst = -1;
        (void)mktime(&broken_down);
    }
    pthread_mutex_unlock(&lock);
    if (known) {
        *offset_out = (int32_t)broken_down.tm_gmtoff;
    }
    return known;
}
