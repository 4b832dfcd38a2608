/* request.c: putting a transaction into one piece of memory. */
#include "bolt/request.h"

#include <stdlib.h>

#include "base/memory.h"
#include "bolt/connection_parts.h"

int heddle_bolt_request_create(struct heddle_bolt_request **request_out, struct heddle_error *error)
{
    struct heddle_bolt_request *request = heddle_calloc(1, sizeof *request);
    if (request == NULL) {
        return heddle_error_out_of_memory(error);
    }
    *request_out = request;
    return HEDDLE_OK;
}

void heddle_bolt_request_destroy(struct heddle_bolt_request *request)
{
    if (request != NULL) {
        heddle_buffer_free(&request->buffer);
        free(request);
    }
}

void heddle_bolt_request_clear(struct heddle_bolt_request *request, struct heddle_pack_dialect dialect)
{
    heddle_buffer_reset(&request->buffer);
    heddle_pack_init(&request->pack, &request->buffer, dialect);
    request->part_count = 0;
    request->runs = 0;
    request->run_is_open = false;
    request->misused = false;
    request->sealed = false;
    request->uncertain = false;
}

void heddle_bolt_request_add_part(struct heddle_bolt_request *request, enum heddle_bolt_part part)
{
    if (request->part_count == HEDDLE_BOLT_PARTS_MAX || request->sealed) {
        request->misused = true;
        return;
    }
    request->parts[request->part_count++] = part;
}

void heddle_bolt_request_begin(struct heddle_bolt_request *request, struct heddle_pack_dialect dialect,
                               const struct heddle_bolt_request_options *options)
{
    const struct heddle_message_transaction transaction = {.bookmarks = options->bookmarks,
                                                           .bookmark_count = options->bookmark_count,
                                                           .timeout_ms = options->timeout_ms,
                                                           .metadata = options->metadata,
                                                           .metadata_count = options->metadata_count,
                                                           .read = options->mode == HEDDLE_BOLT_READ,
                                                           .database = options->database};
    heddle_bolt_request_clear(request, dialect);
    heddle_message_begin(&request->pack, &transaction);
    heddle_bolt_request_add_part(request, HEDDLE_BOLT_PART_BEGIN);
    request->uncertain = !transaction.read;
}

struct heddle_pack *heddle_bolt_request_run_open(struct heddle_bolt_request *request, const char *query,
                                                 uint32_t parameter_count)
{
    request->misused = request->misused || request->run_is_open || request->sealed ||
                       request->runs == HEDDLE_BOLT_REQUEST_RUNS_MAX;
    request->run_is_open = true;
    heddle_message_run_open(&request->pack, query);
    heddle_pack_map(&request->pack, parameter_count);
    heddle_bolt_request_add_part(request, HEDDLE_BOLT_PART_RUN);
    return &request->pack;
}

void heddle_bolt_request_run_close(struct heddle_bolt_request *request, enum heddle_bolt_records records)
{
    request->misused = request->misused || !request->run_is_open;
    request->run_is_open = false;
    request->runs++;
    heddle_message_run_close(&request->pack, NULL);
    if (records == HEDDLE_BOLT_PULL) {
        heddle_message_pull_all(&request->pack);
        heddle_bolt_request_add_part(request, HEDDLE_BOLT_PART_PULL);
    } else {
        heddle_message_discard_all(&request->pack);
        heddle_bolt_request_add_part(request, HEDDLE_BOLT_PART_DISCARD);
    }
}

int heddle_bolt_request_seal(struct heddle_bolt_request *request, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_buffer_check(&request->buffer, error));
    if (request->misused || request->run_is_open) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "a request was built out of order, or has more than %d statements",
                                HEDDLE_BOLT_REQUEST_RUNS_MAX);
    }
    request->sealed = true;
    return HEDDLE_OK;
}

int heddle_bolt_request_commit(struct heddle_bolt_request *request, struct heddle_error *error)
{
    if (request->runs == 0) {
        return heddle_error_set(error, HEDDLE_INVALID, "a request without a statement cannot be committed");
    }
    heddle_message_commit(&request->pack);
    heddle_bolt_request_add_part(request, HEDDLE_BOLT_PART_COMMIT);
    return heddle_bolt_request_seal(request, error);
}

size_t heddle_bolt_request_bytes(const struct heddle_bolt_request *request)
{
    return request->buffer.length;
}
