/* place.c: the default place of a checkpoint, for all who look for it. */
#include "run/checkpoint/place.h"

const char *heddle_checkpoint_place(const struct heddle_options *options, const char *job,
                                    struct heddle_arena *arena)
{
    const char *given = options->values[HEDDLE_OPTION_CHECKPOINT].text;
    const bool is_given = given != NULL && given[0] != '\0';
    return heddle_arena_format(arena, is_given ? "%s" : ".heddle/%s", is_given ? given : job);
}
