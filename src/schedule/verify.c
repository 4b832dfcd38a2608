/* verify.c: a distinct sample of keys with the side or the component each was seen in, and a union of components. */
#include "schedule/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { MEMORY_LEAST = 4096, LEVEL_MAX = 64 };

enum entry_state {
    ENTRY_FREE = 0,
    ENTRY_FROM = 1,
    ENTRY_TO = 2,
    ENTRY_BOTH = 3,
    ENTRY_MEMBER = 4,
    ENTRY_SHARED = 5
};

/* A key of the sample. `component`: the first one it was seen in. */
struct entry {
    uint64_t hash;
    uint64_t component;
    uint8_t state;
};

/* A component and the one it was joined to (itself: a root). */
struct join {
    uint64_t component;
    uint64_t parent;
    bool used;
};

struct heddle_verify {
    enum heddle_scenario claimed;
    struct entry *entries; /* open addressing, at most half full */
    struct join *joins;    /* likewise */
    size_t slots;
    size_t used;
    size_t joins_used;
    bool joins_full; /* there were more components than there is room for */
    uint32_t level;
    uint64_t violations;
    uint64_t example;
};

int heddle_verify_create(enum heddle_scenario claimed, size_t memory, struct heddle_verify **verify_out,
                         struct heddle_error *error)
{
    if (claimed != HEDDLE_SCENARIO_COMPONENTS && claimed != HEDDLE_SCENARIO_BIPARTITE) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "verify: a load in one space claims nothing to verify");
    }
    const bool joins = claimed == HEDDLE_SCENARIO_COMPONENTS;
    const size_t slot_bytes = sizeof(struct entry) + (joins ? sizeof(struct join) : 0);
    size_t slots = 64;
    while (slots * 2 * slot_bytes <= (memory < MEMORY_LEAST ? MEMORY_LEAST : memory)) {
        slots *= 2;
    }
    struct heddle_verify *verify = heddle_calloc(1, sizeof *verify);
    if (verify == NULL) {
        return heddle_error_out_of_memory(error);
    }
    verify->claimed = claimed;
    verify->slots = slots;
    verify->entries = heddle_calloc(slots, sizeof *verify->entries);
    verify->joins = joins ? heddle_calloc(slots, sizeof *verify->joins) : NULL;
    if (verify->entries == NULL || (joins && verify->joins == NULL)) {
        heddle_verify_destroy(verify);
        return heddle_error_out_of_memory(error);
    }
    *verify_out = verify;
    return HEDDLE_OK;
}

void heddle_verify_destroy(struct heddle_verify *verify)
{
    if (verify == NULL) {
        return;
    }
    free(verify->entries);
    free(verify->joins);
    free(verify);
}

/* The low bits decide who is in the sample, so the high ones choose the slot. */
static struct entry *entry_of(const struct heddle_verify *verify, uint64_t hash)
{
    size_t at = (size_t)(hash >> 24) & (verify->slots - 1);
    while (verify->entries[at].state != ENTRY_FREE && verify->entries[at].hash != hash) {
        at = (at + 1) & (verify->slots - 1);
    }
    return &verify->entries[at];
}

static bool is_sampled(const struct heddle_verify *verify, uint64_t hash)
{
    return (hash & ((UINT64_C(1) << verify->level) - 1)) == 0;
}

/* Halves the sample: entries that stay are entered again, in an order that finds each a slot before it is read. */
static void thin_out(struct heddle_verify *verify)
{
    verify->level++;
    /* Begin behind a free slot, so that no run of entries is cut in two. */
    size_t start = 0;
    while (verify->entries[start].state != ENTRY_FREE) {
        start++;
    }
    verify->used = 0;
    for (size_t i = 1; i <= verify->slots; i++) {
        struct entry *entry = &verify->entries[(start + i) & (verify->slots - 1)];
        const struct entry moved = *entry;
        entry->state = ENTRY_FREE;
        if (moved.state != ENTRY_FREE && is_sampled(verify, moved.hash)) {
            *entry_of(verify, moved.hash) = moved;
            verify->used++;
        }
    }
}

/* The entry of a key in the sample; NULL for a key that is not in it. A new entry is ENTRY_FREE: the caller fills it. */
static struct entry *sample(struct heddle_verify *verify, uint64_t hash)
{
    if (!is_sampled(verify, hash)) {
        return NULL;
    }
    struct entry *entry = entry_of(verify, hash);
    while (entry->state == ENTRY_FREE && verify->used >= verify->slots / 2 && verify->level + 1 < LEVEL_MAX) {
        thin_out(verify);
        if (!is_sampled(verify, hash)) {
            return NULL;
        }
        entry = entry_of(verify, hash);
    }
    if (entry->state == ENTRY_FREE) {
        entry->hash = hash;
        verify->used++;
    }
    return entry;
}

static void note_violation(struct heddle_verify *verify, uint64_t hash)
{
    verify->example = verify->violations == 0 ? hash : verify->example;
    verify->violations++;
}

static void note_side(struct heddle_verify *verify, uint64_t hash, enum entry_state side)
{
    struct entry *entry = sample(verify, hash);
    if (entry == NULL) {
        return;
    }
    const uint8_t before = entry->state;
    entry->state = (uint8_t)(before | side);
    if (entry->state == ENTRY_BOTH && before != ENTRY_BOTH) {
        note_violation(verify, hash);
    }
}

void heddle_verify_ends(struct heddle_verify *verify, uint64_t from, uint64_t to)
{
    note_side(verify, from, ENTRY_FROM);
    note_side(verify, to, ENTRY_TO);
}

static struct join *join_of(const struct heddle_verify *verify, uint64_t component)
{
    size_t at = (size_t)(component >> 24) & (verify->slots - 1);
    while (verify->joins[at].used && verify->joins[at].component != component) {
        at = (at + 1) & (verify->slots - 1);
    }
    return &verify->joins[at];
}

uint64_t heddle_verify_component(const struct heddle_verify *verify, uint64_t component)
{
    const struct join *join = join_of(verify, component);
    while (join->used && join->parent != component) {
        component = join->parent;
        join = join_of(verify, component);
    }
    return component;
}

/* Enters a component as its own root; false where there is no room for it. */
static bool join_enter(struct heddle_verify *verify, uint64_t component)
{
    struct join *join = join_of(verify, component);
    if (join->used) {
        return true;
    }
    if (verify->joins_used >= verify->slots / 2) {
        verify->joins_full = true;
        return false;
    }
    *join = (struct join){component, component, true};
    verify->joins_used++;
    return true;
}

/* The smaller root stays root, which makes the answer the same whatever the order; paths are halved on the way. */
static void join_components(struct heddle_verify *verify, uint64_t one, uint64_t other)
{
    uint64_t roots[2] = {one, other};
    for (size_t i = 0; i < 2; i++) {
        struct join *join = join_of(verify, roots[i]);
        while (join->parent != roots[i]) {
            join->parent = join_of(verify, join->parent)->parent;
            roots[i] = join->parent;
            join = join_of(verify, roots[i]);
        }
    }
    if (roots[0] != roots[1]) {
        const size_t larger = roots[0] > roots[1] ? 0 : 1;
        join_of(verify, roots[larger])->parent = roots[1 - larger];
    }
}

void heddle_verify_member(struct heddle_verify *verify, uint64_t component, uint64_t node)
{
    const bool entered = join_enter(verify, component);
    struct entry *entry = sample(verify, node);
    if (entry == NULL) {
        return;
    }
    if (entry->state == ENTRY_FREE) {
        entry->state = ENTRY_MEMBER;
        entry->component = component;
        return;
    }
    if (entry->component == component) {
        return;
    }
    if (entry->state == ENTRY_MEMBER) {
        entry->state = ENTRY_SHARED;
        note_violation(verify, node);
    }
    if (entered && join_of(verify, entry->component)->used) {
        join_components(verify, entry->component, component);
    }
}

bool heddle_verify_is_proven(const struct heddle_verify *verify)
{
    return verify->violations == 0 && verify->level == 0 && !verify->joins_full;
}

void heddle_verify_report(const struct heddle_verify *verify, struct heddle_verify_report *report_out)
{
    const bool components = verify->claimed == HEDDLE_SCENARIO_COMPONENTS;
    struct heddle_verify_report report = {
        .claimed = verify->claimed,
        .settled = HEDDLE_SCENARIO_MONOPARTITE,
        .refuted = verify->violations > 0,
        .complete = verify->level == 0 && !verify->joins_full,
        .level = verify->level,
        .keys = verify->used,
        .violations = verify->violations,
        .example = verify->example,
        .components = verify->joins_used,
    };
    for (size_t i = 0; components && i < verify->slots; i++) {
        report.components_joined +=
            verify->joins[i].used && verify->joins[i].parent == verify->joins[i].component ? 1 : 0;
    }
    /* Joined components separate again, as long as every shared node was seen; less than two make one writer. */
    const bool still_parts = components && (!report.refuted || report.components_joined > 1);
    if (report.complete && (components ? still_parts : !report.refuted)) {
        report.settled = verify->claimed;
    }
    *report_out = report;
}

void heddle_verify_explain(const struct heddle_verify_report *report, char *text, size_t room)
{
    const bool components = report->claimed == HEDDLE_SCENARIO_COMPONENTS;
    const char *claim = components ? "predefined components" : "bipartite";
    const unsigned long long violations = (unsigned long long)report->violations;
    if (!report->refuted && report->complete) {
        snprintf(text, room, "%s: proven, all %llu keys were looked at", claim,
                 (unsigned long long)report->keys);
    } else if (!report->refuted) {
        snprintf(text, room,
                 "%s: not proven, one key in 2^%u was looked at; loaded as monopartite (allow the check more "
                 "memory to "
                 "prove it)",
                 claim, report->level);
    } else if (!components) {
        snprintf(text, room, "bipartite: wrong, %llu keys (at least) are on both ends; loaded as monopartite",
                 violations);
    } else if (report->settled == HEDDLE_SCENARIO_COMPONENTS) {
        snprintf(text, room,
                 "predefined components: wrong, %llu nodes are in more than one; components that share a "
                 "node were "
                 "joined, %llu of %llu are left",
                 violations, (unsigned long long)report->components_joined,
                 (unsigned long long)report->components);
    } else {
        snprintf(
            text, room,
            "predefined components: wrong, %llu nodes (at least) are in more than one; loaded as monopartite",
            violations);
    }
}
