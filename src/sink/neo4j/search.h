/* search.h: the Neo4j half of sink/search.h; each function follows the contract of its namesake there. */
#ifndef HEDDLE_SINK_NEO4J_SEARCH_H
#define HEDDLE_SINK_NEO4J_SEARCH_H

#include "sink/search.h"

HEDDLE_MUST_CHECK int heddle_neo4j_search_open(const struct heddle_search_options *options, void **search_out,
                                               struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_neo4j_search_describe(void *search, struct heddle_search_subject *out,
                                                   struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_neo4j_search_query(void *search, const float *vector, uint32_t dimensions,
                                                size_t k, struct heddle_search_result *out,
                                                struct heddle_error *error);
void heddle_neo4j_search_close(void *search);

#endif
