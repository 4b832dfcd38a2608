/* pacing.c: AIMD with slow start, a latency brake and a breaker. */
#include "model/provider/pacing.h"

/* A text that takes this many times as long as at best is waiting in the service's queue. */
static const double SLOW_FACTOR = 2.0;

/* Weight of the newest sample in the smoothed time of a text. */
static const double SMOOTHING = 0.2;

void heddle_pacing_init(struct heddle_pacing *pacing, size_t connections_max)
{
    const double most = connections_max > 0 ? (double)connections_max : 1;
    *pacing = (struct heddle_pacing){.limit = most < HEDDLE_PACING_START ? most : HEDDLE_PACING_START,
                                     .limit_max = most,
                                     .starting = true};
}

size_t heddle_pacing_limit(const struct heddle_pacing *pacing)
{
    return pacing->tripped ? 1 : (size_t)pacing->limit;
}

bool heddle_pacing_admit(struct heddle_pacing *pacing, uint64_t now_ns, uint64_t *wait_ns_out)
{
    if (now_ns < pacing->pause_until_ns) {
        *wait_ns_out = pacing->pause_until_ns - now_ns;
        return false;
    }
    if (pacing->in_flight >= heddle_pacing_limit(pacing)) {
        *wait_ns_out = 0;
        return false;
    }
    pacing->in_flight++;
    return true;
}

void heddle_pacing_pause(struct heddle_pacing *pacing, uint64_t until_ns)
{
    if (until_ns > pacing->pause_until_ns) {
        pacing->pause_until_ns = until_ns;
    }
}

/* What was sent before the last halving knows nothing of it: its bad news is not news. */
static void decrease(struct heddle_pacing *pacing, uint64_t now_ns, uint64_t sent_ns)
{
    if (pacing->decreased_ns != 0 && sent_ns < pacing->decreased_ns) {
        return;
    }
    pacing->limit = pacing->limit / 2 > 1 ? pacing->limit / 2 : 1;
    pacing->decreased_ns = now_ns;
    pacing->starting = false;
}

/* Only requests of a full size are compared: the overhead of a request would make small ones look slow. */
static bool is_slow(struct heddle_pacing *pacing, uint64_t now_ns, uint64_t sent_ns, size_t texts)
{
    if (texts > pacing->texts_most) {
        pacing->texts_most = texts;
    }
    if (texts * 2 >= pacing->texts_most && texts > 0) {
        const double sample = (double)(now_ns - sent_ns) / (double)texts;
        pacing->text_ns_lately = pacing->text_ns_lately == 0
                                     ? sample
                                     : (1 - SMOOTHING) * pacing->text_ns_lately + SMOOTHING * sample;
        if (pacing->text_ns_best == 0 || pacing->text_ns_lately < pacing->text_ns_best) {
            pacing->text_ns_best = pacing->text_ns_lately;
        }
    }
    return pacing->text_ns_lately > SLOW_FACTOR * pacing->text_ns_best;
}

static void increase(struct heddle_pacing *pacing, bool was_full)
{
    if (was_full) {
        const double more = pacing->starting ? 1 : 1 / pacing->limit;
        pacing->limit = pacing->limit + more < pacing->limit_max ? pacing->limit + more : pacing->limit_max;
    }
}

void heddle_pacing_done(struct heddle_pacing *pacing, uint64_t now_ns, uint64_t sent_ns, size_t texts,
                        enum heddle_pacing_outcome outcome)
{
    const bool was_full =
        pacing->in_flight >= heddle_pacing_limit(pacing); /* room that is not used need not grow */
    pacing->in_flight--;
    switch (outcome) {
    case HEDDLE_PACING_SUCCESS:
        pacing->failures = 0;
        pacing->tripped = false;
        if (is_slow(pacing, now_ns, sent_ns, texts)) {
            pacing->starting = false;
        } else {
            increase(pacing, was_full);
        }
        break;
    case HEDDLE_PACING_REFUSED:
        pacing->failures = 0; /* somebody is there and thinks */
        pacing->tripped = false;
        break;
    case HEDDLE_PACING_OVERLOAD: decrease(pacing, now_ns, sent_ns); break;
    default:
        decrease(pacing, now_ns, sent_ns);
        pacing->failures++;
        if (pacing->failures >= HEDDLE_PACING_TRIP) {
            pacing->tripped = true;
            heddle_pacing_pause(pacing, now_ns + HEDDLE_PACING_REST_NS);
        }
        break;
    }
}
