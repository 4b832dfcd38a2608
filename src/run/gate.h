/* gate.h: rejects of rows that are read ahead wait until their micro-batch begins: they are counted, and told once, by
 * micro-batch. Threads: wait by a reader's; the others by the run's. */
#ifndef HEDDLE_RUN_GATE_H
#define HEDDLE_RUN_GATE_H

#include <pthread.h>

#include "column/reject.h"

enum heddle_gate_state {
    HEDDLE_GATE_OPEN = 0,
    HEDDLE_GATE_SHUT,
    HEDDLE_GATE_GONE /* nobody waits any more */
};

struct heddle_gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum heddle_gate_state state;
    struct heddle_reject_sink next; /* add = NULL: the gate is none yet */
};

void heddle_gate_init(struct heddle_gate *gate, const struct heddle_reject_sink *next);
void heddle_gate_set(struct heddle_gate *gate, enum heddle_gate_state state);
void heddle_gate_destroy(struct heddle_gate *gate); /* {0} is a no-op */

/* As heddle_reject_function: `context` is the struct heddle_gate. Errors: HEDDLE_CLOSED (gone), those of the next one. */
int heddle_gate_add(void *context, const struct heddle_reject *reject, struct heddle_error *error);

#endif
