/* clean.h: taking a load back from a Neo4j database: the entries of the table in sink/backend.h. */
#ifndef HEDDLE_SINK_NEO4J_CLEAN_H
#define HEDDLE_SINK_NEO4J_CLEAN_H

#include "sink/backend.h"

HEDDLE_MUST_CHECK int heddle_neo4j_clean_open(const struct heddle_clean_options *options, void **clean_out,
                                              struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_neo4j_clean_find(void *clean, struct heddle_arena *arena,
                                              struct heddle_clean_part **parts_out, size_t *count_out,
                                              struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_neo4j_clean_count(void *clean, const struct heddle_clean_part *part,
                                               uint64_t *count_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_neo4j_clean_count_held(void *clean, const struct heddle_clean_part *part,
                                                    uint64_t *count_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_neo4j_clean_take(void *clean, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_neo4j_clean_delete(void *clean, enum heddle_clean_what what,
                                                const struct heddle_clean_part *part, uint64_t limit,
                                                uint64_t *deleted_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_neo4j_clean_forget(void *clean, bool all, struct heddle_error *error);
void heddle_neo4j_clean_close(void *clean);

#endif
