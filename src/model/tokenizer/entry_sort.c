/* entry_sort.c: multikey quicksort (Bentley and Sedgewick, 1997): bytes that are known to be equal are not compared again. */
#include "model/tokenizer/entry_sort.h"

#include <stdlib.h>
#include <string.h>

/* Below it inserting is faster than dividing. */
enum { FEW = 12 };

/* Stands for the byte behind a text's last. */
enum { END = -1 };

/* Entries that share their first `depth` bytes. */
struct part {
    struct heddle_vocabulary_entry *entries;
    size_t count;
    size_t depth;
};

static int byte_at(const struct heddle_vocabulary_entry *entry, size_t depth)
{
    return depth < entry->length ? (uint8_t)entry->text[depth] : END;
}

static int compare_ids(const void *left, const void *right)
{
    const struct heddle_vocabulary_entry *a = left;
    const struct heddle_vocabulary_entry *b = right;
    return a->id < b->id ? -1 : a->id > b->id;
}

static bool is_before(const struct heddle_vocabulary_entry *a, const struct heddle_vocabulary_entry *b,
                      size_t depth)
{
    const size_t common = (a->length < b->length ? a->length : b->length) - depth;
    const int order = memcmp(a->text + depth, b->text + depth, common);
    if (order != 0) {
        return order < 0;
    }
    return a->length != b->length ? a->length < b->length : a->id < b->id;
}

static void insert_each(const struct part *part)
{
    for (size_t i = 1; i < part->count; i++) {
        const struct heddle_vocabulary_entry entry = part->entries[i];
        size_t place = i;
        while (place > 0 && is_before(&entry, &part->entries[place - 1], part->depth)) {
            part->entries[place] = part->entries[place - 1];
            place--;
        }
        part->entries[place] = entry;
    }
}

static int middle_of_three(int a, int b, int c)
{
    const int low = a < b ? a : b;
    const int high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

static void swap(struct heddle_vocabulary_entry *a, struct heddle_vocabulary_entry *b)
{
    const struct heddle_vocabulary_entry kept = *a;
    *a = *b;
    *b = kept;
}

/* Into those whose next byte is below, equal to, and above one of theirs. */
static void divide(const struct part *part, struct part parts_out[static 3])
{
    struct heddle_vocabulary_entry *entries = part->entries;
    const size_t count = part->count;
    const int pivot =
        middle_of_three(byte_at(&entries[0], part->depth), byte_at(&entries[count / 2], part->depth),
                        byte_at(&entries[count - 1], part->depth));
    size_t below = 0;
    size_t above = count;
    for (size_t i = 0; i < above;) {
        const int byte = byte_at(&entries[i], part->depth);
        if (byte < pivot) {
            swap(&entries[below++], &entries[i++]);
        } else if (byte > pivot) {
            swap(&entries[--above], &entries[i]);
        } else {
            i++;
        }
    }
    parts_out[0] = (struct part){entries, below, part->depth};
    parts_out[1] = (struct part){entries + below, above - below, part->depth + 1};
    parts_out[2] = (struct part){entries + above, count - above, part->depth};
    if (pivot == END) { /* whole texts are equal */
        qsort(parts_out[1].entries, parts_out[1].count, sizeof *entries, compare_ids);
        parts_out[1].count = 0;
    }
}

/* The largest of three parts goes on in the loop: the others hold at most half of the entries each. */
static void sort_part(struct part part)
{
    while (part.count > FEW) {
        struct part parts[3];
        divide(&part, parts);
        size_t largest = 0;
        for (size_t i = 1; i < 3; i++) {
            largest = parts[i].count > parts[largest].count ? i : largest;
        }
        for (size_t i = 0; i < 3; i++) {
            if (i != largest) {
                sort_part(parts[i]);
            }
        }
        part = parts[largest];
    }
    insert_each(&part);
}

void heddle_entries_sort(struct heddle_vocabulary_entry *entries, size_t count)
{
    sort_part((struct part){entries, count, 0});
}
