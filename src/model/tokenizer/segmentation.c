/* segmentation.c: the rules GB3 to GB999 of UAX #29, with the few facts about the cluster so far that they ask for. */
#include "model/tokenizer/segmentation.h"

#include "model/tokenizer/segmentation_tables.h"
#include "model/tokenizer/unicode.h"

/* As scripts/generate-segmentation-tables numbers them. */
enum category {
    OTHER,
    CR,
    LF,
    CONTROL,
    EXTEND,
    ZWJ,
    REGIONAL, /* half of a flag */
    PREPEND,
    SPACING,
    JAMO_L,
    JAMO_V,
    JAMO_T,
    JAMO_LV,
    JAMO_LVT,
    PICTURE, /* Extended_Pictographic */
    CONSONANT,
};
enum { CATEGORY_MASK = 15, LINKER = 16, CONJUNCT_EXTEND = 32, WORD = 64 };

/* What a later code point may want to know of the cluster so far. */
struct cluster {
    enum category last;
    bool conjunct;         /* a consonant, then only linkers and extenders */
    bool linked;           /* with a linker among them */
    bool picture;          /* a picture, then only extenders */
    bool picture_joins;    /* and then a zero width joiner */
    unsigned regional_odd; /* 1 after an odd number of regional indicators in a row */
};

static uint8_t property_of(uint32_t point)
{
    const uint16_t block = heddle_segmentation_blocks[point / HEDDLE_SEGMENTATION_BLOCK];
    return heddle_segmentation_property[block][point % HEDDLE_SEGMENTATION_BLOCK];
}

static void add(struct cluster *cluster, uint8_t property)
{
    const enum category category = property & CATEGORY_MASK;
    if (category == CONSONANT) {
        cluster->conjunct = true;
        cluster->linked = false;
    } else if (property & LINKER) {
        cluster->linked = cluster->conjunct;
    } else if ((property & CONJUNCT_EXTEND) == 0) {
        cluster->conjunct = false;
        cluster->linked = false;
    }
    cluster->picture_joins = category == ZWJ && cluster->picture;
    cluster->picture = category == PICTURE || (category == EXTEND && cluster->picture);
    cluster->regional_odd = category == REGIONAL ? cluster->regional_odd ^ 1 : 0;
    cluster->last = category;
}

static bool is_control(enum category category)
{
    return category == CR || category == LF || category == CONTROL;
}

static bool jamo_joins(enum category before, enum category after)
{
    switch (before) {
    case JAMO_L: /* GB6 */ return after == JAMO_L || after == JAMO_V || after == JAMO_LV || after == JAMO_LVT;
    case JAMO_LV:
    case JAMO_V: /* GB7 */ return after == JAMO_V || after == JAMO_T;
    case JAMO_LVT:
    case JAMO_T: /* GB8 */ return after == JAMO_T;
    default: return false;
    }
}

static bool joins(const struct cluster *cluster, enum category after)
{
    const enum category before = cluster->last;
    if (before == CR && after == LF) {
        return true; /* GB3 */
    }
    if (is_control(before) || is_control(after)) {
        return false; /* GB4, GB5 */
    }
    if (after == EXTEND || after == ZWJ || after == SPACING || before == PREPEND) {
        return true; /* GB9, GB9a, GB9b */
    }
    switch (after) {
    case CONSONANT: return cluster->linked;           /* GB9c */
    case PICTURE: return cluster->picture_joins;      /* GB11 */
    case REGIONAL: return cluster->regional_odd != 0; /* GB12, GB13 */
    default: return jamo_joins(before, after);
    }
}

size_t heddle_grapheme_end(const char *text, size_t at, size_t length)
{
    struct cluster cluster = {0};
    add(&cluster, property_of(heddle_unicode_decode(text, &at)));
    while (at < length) {
        size_t next = at;
        const uint8_t property = property_of(heddle_unicode_decode(text, &next));
        if (!joins(&cluster, property & CATEGORY_MASK)) {
            break;
        }
        add(&cluster, property);
        at = next;
    }
    return at;
}

bool heddle_unicode_is_word(uint32_t point)
{
    return (property_of(point) & WORD) != 0;
}
