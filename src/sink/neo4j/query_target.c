/* query_target.c: the words of a statement, and rows as maps. */
#include "sink/neo4j/query_target.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* A word of a statement. */
struct word {
    const char *text;
    size_t length;
    bool parameter; /* behind a $ */
};

/* How a statement names its rows. */
struct names {
    bool rows;         /* $rows */
    bool events;       /* $events */
    bool list;         /* events, before any event */
    bool event;        /* event */
    const char *start; /* where its first clause begins, behind CYPHER and its options */
};

static bool is_word_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_' || (unsigned char)byte >= 0x80;
}

static bool is_word(const struct word *word, const char *name)
{
    return word->length == strlen(name) && strncmp(word->text, name, word->length) == 0;
}

/* Behind a quoted piece that begins at `at`; a quote inside is escaped by a backslash, a backtick by another one. */
static const char *skip_quoted(const char *at)
{
    const char quote = *at++;
    while (*at != '\0' && (*at != quote || (quote == '`' && at[1] == '`'))) {
        at += (*at == '\\' && quote != '`' && at[1] != '\0') || *at == quote ? 2 : 1;
    }
    return *at == '\0' ? at : at + 1;
}

/* Behind blanks, comments and quoted pieces. */
static const char *skip_others(const char *at)
{
    for (;;) {
        if (*at == '\'' || *at == '"' || *at == '`') {
            at = skip_quoted(at);
        } else if (at[0] == '/' && at[1] == '/') {
            at += strcspn(at, "\n");
        } else if (at[0] == '/' && at[1] == '*') {
            const char *end = strstr(at + 2, "*/");
            at = end == NULL ? at + strlen(at) : end + 2;
        } else if (*at != '\0' && *at != '$' && !is_word_byte(*at)) {
            at++;
        } else {
            return at;
        }
    }
}

/* The next word; false at the end. A property (n.events), a key of a map and a variable with a label (events: …) do not
 * speak of what is there already. */
static bool next_word(const char **at, const char *begin, struct word *word)
{
    for (const char *from = skip_others(*at); *from != '\0'; from = skip_others(from)) {
        const bool parameter = *from == '$';
        const bool property = from > begin && from[-1] == '.';
        const char *text = parameter ? from + 1 : from;
        size_t length = 0;
        while (is_word_byte(text[length])) {
            length++;
        }
        from = text + length;
        const bool key = !parameter && from[strspn(from, " \t\r\n")] == ':';
        if (length > 0 && !property && !key) {
            *word = (struct word){text, length, parameter};
            *at = from;
            return true;
        }
    }
    return false;
}

/* Behind `CYPHER 25 runtime=slotted`, where the statement begins so. */
static const char *skip_options(const char *text)
{
    const char *at = text + strspn(text, " \t\r\n");
    if (strncasecmp(at, "CYPHER", 6) != 0 || is_word_byte(at[6])) {
        return text;
    }
    at += 6;
    for (;;) {
        const char *option = at + strspn(at, " \t\r\n");
        size_t length = strcspn(option, " \t\r\n");
        const bool is_option = isdigit((unsigned char)*option) || memchr(option, '=', length) != NULL;
        if (!is_option || length == 0) {
            return at;
        }
        at = option + length;
    }
}

static void find_names(const char *text, struct names *names)
{
    struct word word;
    *names = (struct names){.start = skip_options(text)};
    const char *at = names->start;
    while (next_word(&at, names->start, &word)) {
        if (word.parameter) {
            names->rows = names->rows || is_word(&word, "rows");
            names->events = names->events || is_word(&word, "events");
        } else if (is_word(&word, "event")) {
            names->event = names->event || !names->list;
        } else if (is_word(&word, "events")) {
            names->list = names->list || !names->event;
        }
    }
}

int heddle_query_wrap(struct heddle_buffer *out, const struct heddle_target *target,
                      const char **parameter_out, struct heddle_error *error)
{
    struct names names;
    find_names(target->query, &names);
    if (names.rows && names.events) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "target %s: its query names the rows both $rows and $events: use one of them",
                                target->name);
    }
    *parameter_out = names.events ? "events" : "rows";
    if (names.rows || names.events) {
        heddle_buffer_append_text(out, target->query);
        return heddle_buffer_check(out, error);
    }
    if (!names.list && !names.event) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "target %s: its query never names the row: write event.COLUMN, or begin with UNWIND $rows AS row "
            "(a statement without rows is run by `heddle cypher`)",
            target->name);
    }
    heddle_buffer_append(out, target->query, (size_t)(names.start - target->query));
    heddle_buffer_append_text(out, names.start == target->query ? "" : " ");
    heddle_buffer_append_text(out, names.list ? "WITH $rows AS events " : "UNWIND $rows AS event ");
    heddle_buffer_append_text(out, names.start);
    return heddle_buffer_check(out, error);
}

void heddle_query_put_row(struct heddle_pack *pack, const struct heddle_target_rows *ready, size_t row)
{
    const struct heddle_batch *batch = ready->owner->batch;
    heddle_pack_map(pack, (uint32_t)batch->schema->count);
    for (size_t i = 0; i < batch->schema->count; i++) {
        heddle_pack_text(pack, batch->schema->fields[i].name);
        heddle_pack_column_value(pack, &batch->columns[i], row);
    }
}
