/* option_help.c: the option table as help for a terminal, as Markdown, and a set of values explained. */
#include "spec/options.h"

#include <stdio.h>
#include <string.h>

enum {
    TERMINAL_COLUMNS = 80,
    HELP_COLUMN = 26, /* where the sentences begin */
};

static const char *const categories[] = {"connection", "source", "writing", "embedding", "safety"};
static const char *const titles[] = {"Connection", "Source", "Writing", "Embedding", "Safety"};

/* "batch_rows" as "batch-rows". */
static void kebab(const char *name, char out[static 64])
{
    size_t i = 0;
    for (; name[i] != '\0' && i < 63; i++) {
        out[i] = name[i] == '_' ? '-' : name[i];
    }
    out[i] = '\0';
}

/* Appends `text` wrapped between HELP_COLUMN and the width; the cursor stands at HELP_COLUMN. */
static void append_wrapped(struct heddle_buffer *out, const char *text)
{
    size_t column = HELP_COLUMN;
    while (*text != '\0') {
        const size_t word = strcspn(text, " ");
        size_t width = 0;
        for (size_t i = 0; i < word; i++) {
            width += ((unsigned char)text[i] & 0xc0) != 0x80;
        }
        if (column > HELP_COLUMN && column + 1 + width > TERMINAL_COLUMNS) {
            heddle_buffer_append_format(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            heddle_buffer_append_byte(out, ' ');
            column++;
        }
        heddle_buffer_append(out, text, word);
        column += width;
        text += word + strspn(text + word, " ");
    }
    heddle_buffer_append_byte(out, '\n');
}

static void append_terminal(struct heddle_buffer *out, const struct heddle_option *option)
{
    char name[64];
    char flag[128];
    char sentence[400];
    kebab(option->name, name);
    snprintf(flag, sizeof flag, "--%s %s", name, option->placeholder);
    const bool shown = option->default_text[0] != '\0' && option->kind != HEDDLE_OPTION_FLAG;
    snprintf(sentence, sizeof sentence, "%s%s%s%s", option->help, shown ? " [" : "",
             shown ? option->default_text : "", shown ? "]" : "");
    if (strlen(flag) + 4 > HELP_COLUMN) {
        heddle_buffer_append_format(out, "  %s\n%*s", flag, HELP_COLUMN, "");
    } else {
        heddle_buffer_append_format(out, "  %-*s", HELP_COLUMN - 2, flag);
    }
    append_wrapped(out, sentence);
}

/* Table cells: `|` ends a cell, so it is escaped. */
static void append_cell(struct heddle_buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|') {
            heddle_buffer_append_byte(out, '\\');
        }
        heddle_buffer_append_byte(out, (uint8_t)*text);
    }
}

static void append_markdown(struct heddle_buffer *out, const struct heddle_option *option)
{
    char name[64];
    kebab(option->name, name);
    heddle_buffer_append_format(out, "| `--%s%s", name, option->placeholder[0] != '\0' ? " " : "");
    append_cell(out, option->placeholder);
    if (strcmp(option->category, "connection") == 0) {
        heddle_buffer_append_text(out, "` | not there | ");
    } else {
        heddle_buffer_append_format(out, "` | `%s`%s | ", option->name, option->on_target ? " (T)" : "");
    }
    for (size_t i = 0; option->aliases[i] != NULL; i++) {
        heddle_buffer_append_format(out, "%s`%s`", i > 0 ? ", " : "", option->aliases[i]);
    }
    heddle_buffer_append_format(out, " | %s | ",
                                option->default_text[0] != '\0' ? option->default_text : "none");
    append_cell(out, option->help);
    for (size_t i = 0; option->choices[i] != NULL; i++) {
        heddle_buffer_append_format(out, "%s%s", i > 0 ? ", " : " One of: ", option->choices[i]);
    }
    heddle_buffer_append_text(out, option->choices[0] != NULL ? ". |\n" : " |\n");
}

void heddle_options_help(struct heddle_buffer *out, bool markdown)
{
    const struct heddle_option *table = heddle_option_table();
    for (size_t c = 0; c < sizeof categories / sizeof categories[0]; c++) {
        heddle_buffer_append_format(out, markdown ? "%s**%s**\n\n" : "%s%s:\n", c > 0 ? "\n" : "", titles[c]);
        if (markdown) {
            heddle_buffer_append_text(out, "| flag | under `config` | also known as | default | meaning |\n"
                                           "|---|---|---|---|---|\n");
        }
        for (size_t i = 0; i < HEDDLE_OPTION_COUNT; i++) {
            if (strcmp(table[i].category, categories[c]) != 0) {
                continue;
            }
            if (markdown) {
                append_markdown(out, &table[i]);
            } else {
                append_terminal(out, &table[i]);
            }
        }
    }
}

/* The URI without what stands before its @: a password in a URI is refused later, and must not be shown
 * before. */
static void append_uri(struct heddle_buffer *out, const char *uri)
{
    const char *scheme = strstr(uri, "://");
    const char *rest = scheme != NULL ? scheme + 3 : uri;
    const char *at = strrchr(rest, '@');
    heddle_buffer_append(out, uri, (size_t)(rest - uri));
    heddle_buffer_append_text(out, at != NULL ? "…" : "");
    heddle_buffer_append_text(out, at != NULL ? at : rest);
}

void heddle_options_explain(const struct heddle_options *options, struct heddle_buffer *out)
{
    const struct heddle_option *table = heddle_option_table();
    for (size_t i = 0; i < HEDDLE_OPTION_COUNT; i++) {
        const struct heddle_option_value *value = &options->values[i];
        const char *text = i == HEDDLE_OPTION_TO ? heddle_options_uri(options) : value->text;
        const bool from_pair = i == HEDDLE_OPTION_TO && text != NULL && text == options->pair_uri;
        heddle_buffer_append_format(out, "%-14s ", table[i].name);
        if (text == NULL) {
            heddle_buffer_append_text(out, "(not set)\n");
            continue;
        }
        if (table[i].secret) {
            heddle_buffer_append_text(out, "(set)");
        } else if (i == HEDDLE_OPTION_TO) {
            append_uri(out, text);
        } else {
            heddle_buffer_append_text(out, text);
        }
        const char *origin = from_pair ? "NEO4J_PROTOCOL and NEO4J_HOST" : value->origin_name;
        heddle_buffer_append_format(out, "  (%s)\n", origin);
    }
    if (options->bearer_token.text != NULL) {
        heddle_buffer_append_format(out, "%-14s (set)  (NEO4J_BEARER_TOKEN)\n", "bearer token");
    }
    heddle_buffer_append_format(out, "%-14s %s", "password",
                                options->password.text != NULL ? "(set)  (NEO4J_PASSWORD)\n" : "(not set)\n");
}
