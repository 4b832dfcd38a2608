/* gate.c: a reader waits, holding one reject; its queues are full soon enough. */
#include "run/gate.h"

void heddle_gate_init(struct heddle_gate *gate, const struct heddle_reject_sink *next)
{
    *gate = (struct heddle_gate){.next = *next};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
}

void heddle_gate_set(struct heddle_gate *gate, enum heddle_gate_state state)
{
    pthread_mutex_lock(&gate->lock);
    gate->state = state;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void heddle_gate_destroy(struct heddle_gate *gate)
{
    if (gate->next.add != NULL) {
        pthread_cond_destroy(&gate->changed);
        pthread_mutex_destroy(&gate->lock);
        gate->next.add = NULL;
    }
}

int heddle_gate_add(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    struct heddle_gate *gate = context;
    pthread_mutex_lock(&gate->lock);
    while (gate->state == HEDDLE_GATE_SHUT) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    const bool gone = gate->state == HEDDLE_GATE_GONE;
    pthread_mutex_unlock(&gate->lock);
    return gone ? heddle_error_set(error, HEDDLE_CLOSED, "the micro-batch of this row never began")
                : gate->next.add(gate->next.context, reject, error);
}
