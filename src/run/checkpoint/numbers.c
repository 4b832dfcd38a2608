/* numbers.c: names of files as numbers. */
#include "run/checkpoint/numbers.h"

#include <string.h>

#include "column/scalar.h"

static int number_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    struct heddle_numbers *numbers = context;
    int64_t number = 0;
    (void)error;
    if (entry->name[0] >= '0' && entry->name[0] <= '9' &&
        heddle_scalar_parse_integer(entry->name, strlen(entry->name), &number)) {
        numbers->highest = number > numbers->highest ? number : numbers->highest;
        numbers->lowest = numbers->lowest < 0 || number < numbers->lowest ? number : numbers->lowest;
    }
    return HEDDLE_OK;
}

int heddle_numbers_list(struct heddle_depot *depot, const char *folder, struct heddle_numbers *numbers,
                        struct heddle_error *error)
{
    *numbers = (struct heddle_numbers){-1, -1};
    return heddle_depot_list(depot, folder, false, number_add, numbers, error);
}
