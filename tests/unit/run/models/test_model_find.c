/* test_model_find.c: a name becomes the directory of its model, in made-up folders and a made-up cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/models/model_find.h"

static char root[256];
static struct heddle_arena *arena;

/* Makes ROOT/PATH with all folders before it. */
static void make(const char *path)
{
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(full, 0700);
        *slash = '/';
    }
    (void)mkdir(full, 0700);
}

static void write_file(const char *path, const char *text)
{
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", root, path);
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Sets a variable to ROOT/PATH. */
static void point(const char *variable, const char *path)
{
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", root, path);
    assert_int_equal(setenv(variable, full, 1), 0);
}

/* `name` is found in ROOT/EXPECTED. */
static void finds(const char *name, const char *expected)
{
    char full[1024];
    const char *found = NULL;
    struct heddle_error error = {0};
    if (heddle_model_find(name, arena, &found, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    snprintf(full, sizeof full, "%s/%s", root, expected);
    assert_string_equal(found, full);
}

static void misses(const char *name, const char *reason)
{
    const char *found = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_model_find(name, arena, &found, &error), HEDDLE_MODEL);
    if (strstr(error.message, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
    }
}

static void a_directory_is_itself(void **state)
{
    (void)state;
    const char *found = NULL;
    make("any/where");
    char full[1024];
    snprintf(full, sizeof full, "%s/any/where", root);
    assert_int_equal(heddle_model_find(full, arena, &found, NULL), HEDDLE_OK);
    assert_string_equal(found, full);
}

static void folders_of_the_path_come_before_the_cache(void **state)
{
    (void)state;
    char list[1024];
    make("home/.cache/huggingface/hub/models--sentence-transformers--tiny/snapshots/abc");
    make("home/.cache/heddle/models/tiny");
    make("two/tiny");
    snprintf(list, sizeof list, ":%s/one::%s/two", root, root);
    finds("tiny", "home/.cache/heddle/models/tiny");
    setenv("HEDDLE_MODEL_PATH", list, 1);
    finds("tiny", "two/tiny");
    make("one/org/tiny");
    finds("org/tiny", "one/org/tiny");
}

static void refs_main_decides_between_snapshots(void **state)
{
    (void)state;
#define TINY "home/.cache/huggingface/hub/models--org--tiny"
    make(TINY "/snapshots/aaa");
    make(TINY "/snapshots/bbb");
    make(TINY "/refs");
    misses("org/tiny", "was not found");
    write_file(TINY "/refs/main", "bbb");
    finds("org/tiny", TINY "/snapshots/bbb");
    write_file(TINY "/refs/main", "aaa\n");
    finds("org/tiny", TINY "/snapshots/aaa");
    static const char *const wrong[] = {"ccc", "", "..", "../../elsewhere", "/etc", "aaa/.."};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_file(TINY "/refs/main", wrong[i]);
        misses("org/tiny", "was not found");
    }
    misses("tiny", "was not found"); /* of another organisation */
}

static void a_single_snapshot_needs_no_refs(void **state)
{
    (void)state;
    make(TINY "/snapshots/aaa");
    finds("org/tiny", TINY "/snapshots/aaa");
}

static void a_bare_name_is_one_of_sentence_transformers(void **state)
{
    (void)state;
#define HUB "home/.cache/huggingface/hub/"
    make(HUB "models--bert-base-uncased/snapshots/x");
    finds("bert-base-uncased", HUB "models--bert-base-uncased/snapshots/x");
    make(HUB "models--sentence-transformers--bert-base-uncased/snapshots/y");
    finds("bert-base-uncased", HUB "models--sentence-transformers--bert-base-uncased/snapshots/y");
    finds("sentence-transformers/bert-base-uncased",
          HUB "models--sentence-transformers--bert-base-uncased/snapshots/y");
}

static void the_cache_lies_where_its_library_puts_it(void **state)
{
    (void)state;
#define SNAPSHOT "/models--org--tiny/snapshots/1"
    make("home/.cache/huggingface/hub" SNAPSHOT);
    make("xdg/huggingface/hub" SNAPSHOT);
    make("hf/hub" SNAPSHOT);
    make("cache" SNAPSHOT);
    make("st" SNAPSHOT);
    finds("org/tiny", "home/.cache/huggingface/hub" SNAPSHOT);
    point("XDG_CACHE_HOME", "xdg");
    finds("org/tiny", "xdg/huggingface/hub" SNAPSHOT);
    point("HF_HOME", "hf");
    finds("org/tiny", "hf/hub" SNAPSHOT);
    point("HF_HUB_CACHE", "cache");
    finds("org/tiny", "cache" SNAPSHOT);
    point("SENTENCE_TRANSFORMERS_HOME", "st");
    finds("org/tiny", "st" SNAPSHOT);
    setenv("HF_HUB_CACHE", "", 1); /* empty is not set */
    unsetenv("SENTENCE_TRANSFORMERS_HOME");
    finds("org/tiny", "hf/hub" SNAPSHOT);
}

static void what_is_not_there_is_told_with_every_place(void **state)
{
    (void)state;
    misses("tiny", "/home/.cache/heddle/models, ");
    misses("tiny", "/home/.cache/huggingface/hub");
    misses("tiny", "scripts/bootstrap");
    static const char *const no_names[] = {"",     "/nowhere/model", "../tiny", "./tiny", "a/b/c",
                                           "a//b", "org/",           "/",       ".",      "org/.."};
    for (size_t i = 0; i < sizeof no_names / sizeof no_names[0]; i++) {
        const char *found = NULL;
        struct stat about;
        if (no_names[i][0] != '\0' && stat(no_names[i], &about) == 0) {
            continue; /* a directory as it stands */
        }
        assert_int_equal(heddle_model_find(no_names[i], arena, &found, NULL), HEDDLE_MODEL);
        misses(no_names[i], "there is no model directory");
    }
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

static int before(void **state)
{
    (void)state;
    static const char *const variables[] = {"HEDDLE_MODEL_PATH", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE",
                                            "SENTENCE_TRANSFORMERS_HOME"};
    const char *parent = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/heddle-find-XXXXXX", parent == NULL ? "/tmp" : parent);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        unsetenv(variables[i]);
    }
    if (mkdtemp(root) == NULL || heddle_arena_create(0, &arena, NULL) != HEDDLE_OK) {
        return -1;
    }
    point("HOME", "home");
    return 0;
}

static int after(void **state)
{
    (void)state;
    heddle_arena_destroy(arena);
    return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#define WITH_FOLDERS(test) cmocka_unit_test_setup_teardown(test, before, after)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDERS(a_directory_is_itself),
        WITH_FOLDERS(folders_of_the_path_come_before_the_cache),
        WITH_FOLDERS(refs_main_decides_between_snapshots),
        WITH_FOLDERS(a_single_snapshot_needs_no_refs),
        WITH_FOLDERS(a_bare_name_is_one_of_sentence_transformers),
        WITH_FOLDERS(the_cache_lies_where_its_library_puts_it),
        WITH_FOLDERS(what_is_not_there_is_told_with_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
