/* unigram.c: Viterbi's algorithm over one word. */
#include "model/tokenizer/unigram.h"

#include "base/memory.h"
#include "model/tokenizer/tokenizer_parts.h"

/* A place that no piece ends at (yet). */
enum { UNREACHED = UINT32_MAX };

static void relax(struct heddle_lattice_node *node, double score, size_t start, uint32_t id)
{
    if (node->start == UNREACHED || score > node->score) {
        *node = (struct heddle_lattice_node){score, (uint32_t)start, id};
    }
}

static size_t character_length(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* All pieces that start at `start`, which is the start of a character. Answers where the next character starts. */
static size_t extend(const struct heddle_unigram *unigram, const struct heddle_trie *vocabulary,
                     uint32_t unknown_id, const char *word, size_t length, size_t start,
                     struct heddle_lattice_node *nodes)
{
    const double score = nodes[start].score;
    const size_t next = start + character_length((uint8_t)word[start]);
    bool known = false;
    int32_t state = HEDDLE_TRIE_ROOT;
    for (size_t at = start; at < length && heddle_trie_step(vocabulary, &state, (uint8_t)word[at]);) {
        at++;
        const int32_t token = vocabulary->states[state].token;
        if (token != HEDDLE_TRIE_NO_TOKEN) {
            relax(&nodes[at], unigram->scores[token] + score, start, (uint32_t)token);
            known = known || at == next;
        }
    }
    if (!known) {
        relax(&nodes[next], unigram->unknown_score + score, start, unknown_id);
    }
    return next;
}

/* Turns the links of the best way round: afterwards nodes[p].start is where the piece that starts at p ends. */
static void reverse_links(struct heddle_lattice_node *nodes, size_t length)
{
    size_t end = length;
    size_t start = nodes[end].start;
    while (end > 0) {
        const size_t before = nodes[start].start; /* of 0: never used */
        nodes[start].start = (uint32_t)end;
        end = start;
        start = before;
    }
}

static void push_unknown(const struct heddle_unigram *unigram, const struct heddle_trie *vocabulary,
                         uint32_t unknown_id, const char *text, size_t length, struct heddle_id_sink *sink)
{
    uint32_t id = unknown_id;
    bool spelled = unigram->byte_fallback;
    if (heddle_trie_find(vocabulary, text, length, &id)) {
        heddle_id_push(sink, id);
        return;
    }
    for (size_t i = 0; spelled && i < length; i++) {
        spelled = unigram->byte_ids[(uint8_t)text[i]] >= 0;
    }
    for (size_t i = 0; spelled && i < length; i++) {
        heddle_id_push(sink, (uint32_t)unigram->byte_ids[(uint8_t)text[i]]);
    }
    if (!spelled) {
        heddle_id_push(sink, unknown_id);
    }
}

void heddle_unigram_split(const struct heddle_unigram *unigram, const struct heddle_trie *vocabulary,
                          uint32_t unknown_id, const char *word, size_t length, struct heddle_lattice lattice,
                          struct heddle_id_sink *sink)
{
    if (length >= UNREACHED ||
        heddle_grow((void **)lattice.nodes, lattice.capacity, length + 1, sizeof **lattice.nodes) != 0) {
        sink->out_of_memory = true;
        return;
    }
    struct heddle_lattice_node *nodes = *lattice.nodes;
    nodes[0] = (struct heddle_lattice_node){0};
    for (size_t i = 1; i <= length; i++) {
        nodes[i].start = UNREACHED;
    }
    for (size_t start = 0; start < length;) {
        start = extend(unigram, vocabulary, unknown_id, word, length, start, nodes);
    }
    reverse_links(nodes, length);
    for (size_t at = 0; at < length && !sink->truncated;) {
        size_t end = nodes[at].start;
        if (nodes[end].id != unknown_id) {
            heddle_id_push(sink, nodes[end].id);
        } else {
            while (end < length && nodes[nodes[end].start].id == unknown_id) {
                end = nodes[end].start;
            }
            push_unknown(unigram, vocabulary, unknown_id, word + at, end - at, sink);
        }
        at = end;
    }
}
