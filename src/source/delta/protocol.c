/* protocol.c: reader versions 1 to 3 and the features of version 3. */
#include "source/delta/protocol.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"

enum { READER_MAPPING = 2, READER_FEATURES = 3 };

static const char *const supported[] = {
    "columnMapping", "deletionVectors",     "timestampNtz", "timestampWithoutTimezone",
    "v2Checkpoint",  "vacuumProtocolCheck", "typeWidening", "typeWidening-preview",
};

static bool is_supported(const char *feature)
{
    for (size_t i = 0; i < sizeof supported / sizeof supported[0]; i++) {
        if (strcmp(supported[i], feature) == 0) {
            return true;
        }
    }
    return false;
}

int heddle_delta_protocol_check(const struct heddle_delta_protocol *protocol, struct heddle_error *error)
{
    if (protocol->reader_version < 1 || protocol->reader_version > READER_FEATURES) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the table asks for reader version %" PRId64
                                " of the Delta protocol; versions 1 to 3 "
                                "are supported",
                                protocol->reader_version);
    }
    if (protocol->reader_version < READER_FEATURES) {
        return HEDDLE_OK;
    }
    if (protocol->reader_features == NULL) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "the table has reader version 3 of the Delta protocol, but lists no reader features");
    }
    struct heddle_buffer missing = {0};
    size_t count = 0;
    for (size_t i = 0; i < protocol->reader_feature_count; i++) {
        if (!is_supported(protocol->reader_features[i])) {
            heddle_buffer_append_format(&missing, "%s%s", count > 0 ? ", " : "",
                                        protocol->reader_features[i]);
            count++;
        }
    }
    int status = HEDDLE_OK;
    if (count > 0) {
        const char *names = heddle_buffer_text(&missing);
        status =
            heddle_error_set(error, HEDDLE_SOURCE,
                             "the table needs the reader feature%s %.300s of the Delta protocol, which this "
                             "version does not support",
                             count > 1 ? "s" : "", names != NULL ? names : "?");
    }
    heddle_buffer_free(&missing);
    return status;
}

int heddle_delta_mapping_of(const struct heddle_delta_protocol *protocol,
                            const struct heddle_delta_metadata *metadata,
                            enum heddle_delta_mapping *mapping_out, struct heddle_error *error)
{
    const char *mode = heddle_delta_property(metadata, "delta.columnMapping.mode", "none");
    bool allowed = protocol->reader_version == READER_MAPPING;
    for (size_t i = 0; i < protocol->reader_feature_count; i++) {
        allowed = allowed || strcmp(protocol->reader_features[i], "columnMapping") == 0;
    }
    *mapping_out = HEDDLE_DELTA_MAPPING_NONE;
    if (!allowed || strcmp(mode, "none") == 0) {
        return HEDDLE_OK;
    }
    if (strcmp(mode, "name") == 0) {
        *mapping_out = HEDDLE_DELTA_MAPPING_NAME;
        return HEDDLE_OK;
    }
    if (strcmp(mode, "id") == 0) {
        *mapping_out = HEDDLE_DELTA_MAPPING_ID;
        return HEDDLE_OK;
    }
    return heddle_error_set(error, HEDDLE_SOURCE,
                            "the table maps its columns by `%.40s`; only name and id are supported", mode);
}
