/* http_download.c: an answer into a file that is whole or not there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/http_parts.h"

struct file_sink {
    struct heddle_http_sink base;
    FILE *file;
    const char *path; /* of the part file */
};

static int file_failure(const struct file_sink *sink, const char *what, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_IO, "cannot %s %s: %s", what, sink->path, strerror(errno));
}

static int file_write(struct heddle_http_sink *base, const uint8_t *bytes, size_t length,
                      struct heddle_error *error)
{
    const struct file_sink *sink = (const struct file_sink *)base;
    return fwrite(bytes, 1, length, sink->file) == length ? HEDDLE_OK : file_failure(sink, "write", error);
}

/* Nothing is written of an answer that is not 200, so there is nothing to forget. */
static int file_restart(struct heddle_http_sink *base, struct heddle_error *error)
{
    (void)base;
    (void)error;
    return HEDDLE_OK;
}

static int check_answer(const struct heddle_http_request *request,
                        const struct heddle_http_response *response, struct heddle_error *error)
{
    const long status = response->status;
    struct heddle_http_origin origin;
    if (status == 200) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_http_origin_read(request->url, &origin, error));
    const bool later = status == 408 || status == 429 || status >= 500;
    const char *hint = later                            ? "try again later"
                       : status == 401 || status == 403 ? "is a token needed, and is it the right one?"
                                                        : "is this the right address?";
    heddle_error_set(error, later ? HEDDLE_NETWORK : HEDDLE_PROTOCOL, "%s answered %ld: %s", origin.name,
                     status, hint);
    if (error != NULL) {
        snprintf(error->code, sizeof error->code, "%ld", status);
        error->action = later ? HEDDLE_ACTION_RETRY : HEDDLE_ACTION_FATAL;
    }
    return later ? HEDDLE_NETWORK : HEDDLE_PROTOCOL;
}

static int download_to(struct heddle_http_client *client, const struct heddle_http_request *request,
                       struct file_sink *sink, const char *path, struct heddle_error *error)
{
    struct heddle_http_response response = {0};
    int status = heddle_http_transfer(client, request, &sink->base, &response, error);
    if (status == HEDDLE_OK) {
        status = check_answer(request, &response, error);
    }
    heddle_http_response_free(&response);
    if (fclose(sink->file) != 0 && status == HEDDLE_OK) {
        status = file_failure(sink, "write", error);
    }
    if (status == HEDDLE_OK && rename(sink->path, path) != 0) {
        status = file_failure(sink, "rename", error);
    }
    if (status != HEDDLE_OK) {
        (void)unlink(sink->path);
    }
    return status;
}

int heddle_http_download(struct heddle_http_client *client, const struct heddle_http_request *request,
                         const char *path, heddle_http_progress *progress, void *context,
                         struct heddle_error *error)
{
    struct heddle_buffer part = {0};
    heddle_buffer_append_format(&part, "%s.part", path);
    struct file_sink sink = {
        .base = {.write = file_write,
                 .restart = file_restart,
                 .progress = progress,
                 .progress_context = context,
                 .download = true},
        .path = heddle_buffer_text(&part),
    };
    int status = heddle_buffer_check(&part, error);
    if (status == HEDDLE_OK) {
        sink.file = fopen(sink.path, "wbe");
        status = sink.file != NULL ? download_to(client, request, &sink, path, error)
                                   : file_failure(&sink, "create", error);
    }
    heddle_buffer_free(&part);
    return status;
}
