/* lease.c: refusals, each with its sentence. */
#include "sink/lease.h"

#include <inttypes.h>
#include <string.h>

bool heddle_lease_knows(const struct heddle_load_record *record, const char *owner)
{
    for (size_t i = 0; i < record->owner_known_count; i++) {
        if (strcmp(record->owners_known[i], owner) == 0) {
            return true;
        }
    }
    return false;
}

static int check_pair(const struct heddle_load_record *record, const struct heddle_lease *lease,
                      const char *graph, struct heddle_error *error)
{
    const bool checkpoint = record->owner_known_count > 0;
    if (lease->epoch == 0 && record->has_progress) {
        return heddle_error_set(
            error, HEDDLE_DATABASE,
            "the checkpoint %s holds the progress of load %s, and %s has no record of that "
            "load: it is another one, or the record was deleted; use the right one, another "
            "--checkpoint, or --fresh to start over",
            record->checkpoint, record->id, graph);
    }
    if (lease->epoch != 0 && !checkpoint) {
        return heddle_error_set(
            error, HEDDLE_DATABASE,
            "%s holds load %s, begun %.19s on %s, and its checkpoint is missing (%s holds "
            "none): give the right one with --checkpoint, or start over with --fresh, which "
            "loads every row again",
            graph, record->id, lease->started, lease->host, record->checkpoint);
    }
    if (lease->epoch != 0 && !heddle_lease_knows(record, lease->owner)) {
        return heddle_error_set(
            error, HEDDLE_DATABASE,
            "the checkpoint %s is an old copy: load %s was continued from another one, on "
            "%s; go on there, or start over with --fresh, which loads every row again",
            record->checkpoint, record->id, lease->host);
    }
    return HEDDLE_OK;
}

int heddle_lease_check(const struct heddle_sink_options *options, const struct heddle_lease *lease,
                       const char *graph, struct heddle_error *error)
{
    const struct heddle_load_record *record = &options->load;
    const char *precision = record->precision == NULL ? "" : record->precision;
    if (record->fresh) {
        return HEDDLE_OK;
    }
    if (lease->leaving) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "load %s is being taken back: a `heddle clean` of it has not ended; run that "
                                "again, then load again with --fresh",
                                record->id);
    }
    if (lease->shards > 0) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "load %s was begun in %" PRId64 " shards: go on with --shard 1/%" PRId64
                                " and the others, or start over with --fresh, which loads every row again",
                                record->id, lease->shards, lease->shards);
    }
    HEDDLE_TRY(check_pair(record, lease, graph, error));
    if (lease->epoch == 0) {
        return HEDDLE_OK;
    }
    if (lease->format != HEDDLE_LEASE_FORMAT) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "load %s is recorded in format %" PRId64 " and this version of heddle knows "
                                "format %d: go on with the version that began it, or start over with --fresh",
                                record->id, lease->format, HEDDLE_LEASE_FORMAT);
    }
    if (lease->seed != (int64_t)options->seed) {
        return heddle_error_set(
            error, HEDDLE_DATABASE,
            "load %s was begun with another job file: give this one another --load-id, or "
            "start over with --fresh",
            record->id);
    }
    if (lease->stamps != record->stamps) {
        return heddle_error_set(
            error, HEDDLE_DATABASE,
            "load %s was begun %s: what one load creates bears its id everywhere or nowhere; go on %s, or "
            "start over with --fresh",
            record->id, lease->stamps ? "with --load-id" : "without --load-id",
            lease->stamps ? "with it" : "without it");
    }
    if (strcmp(lease->precision, precision) != 0) {
        return heddle_error_set(
            error, HEDDLE_DATABASE,
            "load %s was begun with %s vectors and this run makes %s ones, which must not "
            "be mixed: set the precision of the load, or start over with --fresh",
            record->id, lease->precision[0] == '\0' ? "no" : lease->precision,
            precision[0] == '\0' ? "no" : precision);
    }
    return HEDDLE_OK;
}

int heddle_lease_next(const struct heddle_load_record *record, int64_t epoch, uint32_t *epoch_out,
                      struct heddle_error *error)
{
    const int64_t limit = INT64_C(1) << (64 - HEDDLE_TOKEN_COUNTER_BITS);
    if (epoch < 0 || epoch + 1 >= limit) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "load %s was taken %" PRId64 " times, more than marks have room for: give it "
                                "another --load-id",
                                record->id, epoch);
    }
    *epoch_out = (uint32_t)(epoch + 1);
    return HEDDLE_OK;
}
