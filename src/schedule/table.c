/* table.c: one part a key, two while a table changes. */
#include "schedule/table.h"

bool heddle_table_claim(const struct heddle_table *table, uint64_t hash, struct heddle_claim *claim)
{
    return heddle_claim_add(claim, table->first_part + heddle_parts_of(table->now, hash)) &&
           (table->before == NULL ||
            heddle_claim_add(claim, table->first_part + heddle_parts_of(table->before, hash)));
}
