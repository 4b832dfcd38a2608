/* verify.h: whether what was said about a load is true: that two columns share no node, that a component column separates.
 *
 * A wrong claim would put one node into two parts, so none is trusted. The check keeps a sample of the keys: all of them
 * while they fit its memory, then those whose hash ends in one more zero bit each time it is full (distinct sampling,
 * Gibbons 2001): a key is in the sample always or never, wherever it occurs. What the sample shows is certain; what it
 * does not show is proven only while it holds every key.
 *
 * A hash collision can make a true claim look false, never the other way round. Threads: one struct, one thread at a time.
 */
#ifndef HEDDLE_SCHEDULE_VERIFY_H
#define HEDDLE_SCHEDULE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum heddle_scenario {
    HEDDLE_SCENARIO_COMPONENTS = 0, /* one part a row, that of its component */
    HEDDLE_SCENARIO_BIPARTITE,      /* two spaces that share no node: a part of each */
    HEDDLE_SCENARIO_MONOPARTITE,    /* one space: the parts of both ends */
};

struct heddle_verify;

/* What is known of a claim so far. */
struct heddle_verify_report {
    enum heddle_scenario claimed;
    enum heddle_scenario
        settled; /* what is safe: the claim only where it is proven, or true once components are joined */
    bool refuted;
    bool complete; /* every key was looked at; else one in 2^`level` of them */
    uint32_t level;
    uint64_t keys;       /* distinct keys in the sample */
    uint64_t violations; /* of these: on both sides, or in more than one component */
    uint64_t example;    /* hash of one of them */
    uint64_t components; /* seen (complete only); after joining those that share a node */
    uint64_t components_joined;
};

/* `memory` bytes at most (rounded down to a power of two, at least 4 KiB), allocated at once. Claims: COMPONENTS or
 * BIPARTITE. Errors: HEDDLE_INVALID, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_verify_create(enum heddle_scenario claimed, size_t memory,
                                           struct heddle_verify **verify_out, struct heddle_error *error);

/* A relationship of a load claimed bipartite: hashes of both ends, by canonical key alone, so that the same value on both
 * sides is the same hash. */
void heddle_verify_ends(struct heddle_verify *verify, uint64_t from, uint64_t to);

/* A node of a row in a component. Call it for each end. */
void heddle_verify_member(struct heddle_verify *verify, uint64_t component, uint64_t node);

/* True while the claim is proven over everything that was shown: no violation, no key left out. Quick. */
bool heddle_verify_is_proven(const struct heddle_verify *verify);

/* The component whose part a component has: itself, or where it shares nodes with others one of all those. Only for
 * reports that settle on COMPONENTS. */
uint64_t heddle_verify_component(const struct heddle_verify *verify, uint64_t component);

/* What is known after what was shown so far; later windows may change it, at their edges (scheduler.h, reroute). */
void heddle_verify_report(const struct heddle_verify *verify, struct heddle_verify_report *report_out);

/* One sentence for people: what was claimed, what was found, what is done about it. Cut to `room` bytes. */
void heddle_verify_explain(const struct heddle_verify_report *report, char *text, size_t room);

/* NULL is a no-op. */
void heddle_verify_destroy(struct heddle_verify *verify);

#endif
