/* test_delta_hostile.c: logs with gaps, checkpoints of every kind, and tables that mean harm: refused with a sentence. */
#include "delta_fixture.h"

static struct reject_log log_of_test;

static void nothing_outside_the_folder_is_ever_read(void **state)
{
    (void)state;
    static const struct {
        const char *add;
        const char *part;
    } cases[] = {
        {ADD("../a.parquet"), "outside the table's folder"},
        {ADD("x/../../a.parquet"), "outside the table's folder"},
        {ADD("x/%2e%2e/%2E./a.parquet"), "outside the table's folder"},
        {ADD("file:///etc/passwd"), "/etc/passwd, which is outside the table's folder"},
        {ADD("/etc/passwd"), "/etc/passwd, which is outside the table's folder"},
        {ADD("file:/etc/passwd"), "/etc/passwd, which is outside the table's folder"},
        {ADD("file://host/a.parquet"), "another computer"},
        {ADD("s3://bucket/a.parquet"), "in another store"},
        {ADD("http://127.0.0.1/a.parquet"), "in another store"},
        {ADD("link.parquet"), "outside the table's folder"},
        {ADD("a%00.parquet"), "a zero byte"},
        {ADD("a%zz.parquet"), "not followed by two hex digits"},
        {ADD("a%2"), "not followed by two hex digits"},
        {ADD(""), "empty path"},
        {ADD("_delta_log"), "is not a file"},
        {ADD("gone.parquet"), "gone.parquet, which is not there"},
        {ADD("text.parquet"), "is not a Parquet file"},
    };
    const struct heddle_source_options options = delta_of(&log_of_test);
    text_write("text.parquet", "neither columns nor rows");
    assert_int_equal(symlink("/etc/passwd", path_of("link.parquet")), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        numbers_table(cases[i].add);
        expect_failure(&options, cases[i].part);
    }
}

static void a_path_inside_the_folder_may_be_written_in_any_form(void **state)
{
    (void)state;
    struct heddle_buffer add = {0};
    sql_run("COPY (SELECT 1::INTEGER AS n) TO '%s/a[1] %%.parquet' (FORMAT parquet)");
    heddle_buffer_append_format(
        &add,
        "{\"add\":{\"path\":\"file:%s/x/../a%%5B1%%5D%%20%%25.parquet\",\"partitionValues\":{},\"size\":1,"
        "\"modificationTime\":1,\"dataChange\":true}}\n",
        folder);
    assert_int_equal(mkdir(path_of("x"), 0777), 0);
    numbers_table(heddle_buffer_text(&add));
    const struct heddle_source_options options = delta_of(&log_of_test);
    expect_source(&options, "a[1] %.parquet:0|1\n", "");
    heddle_buffer_free(&add);
}

static void a_log_with_a_hole_is_refused_and_says_which_commit_is_missing(void **state)
{
    (void)state;
    struct heddle_source_options options = delta_of(&log_of_test);
    expect_refused(&options, HEDDLE_SOURCE, "holds no commit");
    sql_run("COPY (SELECT 1::INTEGER AS n) TO '%s/a.parquet' (FORMAT parquet)");
    numbers_table(ADD("a.parquet"));
    commit_write(1, "", NULL, NULL, NULL);
    commit_write(3, "", NULL, NULL, NULL);
    expect_refused(&options, HEDDLE_SOURCE, "commit 2 is missing");
    const struct heddle_source_setting setting = {"versionAsOf", "1"};
    options.settings = &setting;
    options.setting_count = 1;
    expect_source(&options, "a.parquet:0|1\n", ""); /* what lies before the hole can be read */
    assert_int_equal(unlink(path_of("_delta_log/00000000000000000000.json")), 0);
    expect_refused(&options, HEDDLE_SOURCE, "begins with commit 1 and has no whole checkpoint");
    options.path = "/nonexistent/table";
    expect_refused(&options, HEDDLE_SOURCE, "cannot be read");
}

static void what_a_line_says_wrongly_is_said_with_file_and_line(void **state)
{
    (void)state;
    struct heddle_buffer deep = {0};
    const struct heddle_source_options options = delta_of(&log_of_test);
    for (int i = 0; i < 10000; i++) {
        heddle_buffer_append_text(&deep, "{\"a\":");
    }
    numbers_table(heddle_buffer_text(&deep));
    expect_refused(&options, HEDDLE_SOURCE,
                   "00000000000000000000.json: line 3: the line is not JSON: maximum parsing");
    heddle_buffer_free(&deep);
    numbers_table("{\"add\":{\"path\":7}}\n");
    expect_refused(&options, HEDDLE_SOURCE, "line 3: add: `path` is not a text");
    numbers_table("[]\n");
    expect_refused(&options, HEDDLE_SOURCE, "line 3: the line is not a JSON object");
    numbers_table("{\"add\":{\"path\":\"a\",\"partitionValues\":{\"p\":{}}}}\n");
    expect_refused(&options, HEDDLE_SOURCE, "`partitionValues` is not an object of texts");
    numbers_table("{\"add\":{\"path\":\"a\",\"deletionVector\":{\"storageType\":\"x\"}}}\n");
    expect_refused(&options, HEDDLE_SOURCE, "stored as `x`");
}

static void schemas_that_cannot_be_read_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        const char *part;
    } cases[] = {
        {FIELD("v", "variant"), "column `v` is of type variant"},
        {FIELD("d", "decimal(39,2)"), "column `d` is of type decimal(39,2)"},
        {"{\"name\":\"n\",\"type\":\"long\",\"metadata\":{\"delta.typeChanges\":[{\"fromType\":\"string\","
         "\"toType\":"
         "\"long\"}]}}",
         "changed from string to long"},
        {"{\"type\":\"long\"}", "has no name"},
        {FIELD("n", "long") "]", "is not JSON"},
    };
    const struct heddle_source_options options = delta_of(&log_of_test);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        commit_write(0, PROTOCOL_1, metadata_of(cases[i].fields, "", ""), NULL, NULL);
        expect_refused(&options, HEDDLE_SOURCE, cases[i].part);
    }
    struct heddle_buffer deep = {0};
    for (int i = 0; i < 70; i++) {
        heddle_buffer_append_text(&deep, "{\"type\":\"array\",\"elementType\":");
    }
    heddle_buffer_append_text(&deep, "\"long\"");
    for (int i = 0; i < 70; i++) {
        heddle_buffer_append_text(&deep, "}");
    }
    char field[4096];
    snprintf(field, sizeof field, "{\"name\":\"n\",\"type\":%s}", heddle_buffer_text(&deep));
    commit_write(0, PROTOCOL_1, metadata_of(field, "", ""), NULL, NULL);
    expect_refused(&options, HEDDLE_SOURCE, "nests deeper than 64");
    heddle_buffer_free(&deep);
    commit_write(0, PROTOCOL_1, metadata_of(FIELD("n", "long"), "\"other\"", ""), NULL, NULL);
    expect_refused(&options, HEDDLE_SOURCE, "partition column `other`");
}

static void protocols_beyond_this_reader_are_refused_by_feature(void **state)
{
    (void)state;
    static const struct {
        const char *protocol;
        const char *part;
    } cases[] = {
        {"{\"protocol\":{\"minReaderVersion\":4,\"minWriterVersion\":7}}\n", "reader version 4"},
        {"{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7}}\n", "lists no reader features"},
        {PROTOCOL_3("\"variantType\",\"deletionVectors\",\"catalogManaged\""),
         "the reader features variantType, catalogManaged"},
        {"", "no protocol action"},
    };
    const struct heddle_source_options options = delta_of(&log_of_test);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        commit_write(0, metadata_of(FIELD("n", "integer"), "", ""), cases[i].protocol, NULL, NULL);
        expect_refused(&options, HEDDLE_SOURCE, cases[i].part);
    }
    commit_write(0, metadata_of(FIELD("n", "integer"), "", "\"delta.columnMapping.mode\":\"odd\""),
                 PROTOCOL_3("\"columnMapping\""), NULL, NULL);
    expect_refused(&options, HEDDLE_SOURCE, "maps its columns by `odd`");
    commit_write(0, metadata_of(FIELD("n", "integer"), "", "\"delta.columnMapping.mode\":\"name\""),
                 PROTOCOL_3("\"columnMapping\""), NULL, NULL);
    expect_refused(&options, HEDDLE_SOURCE, "column `n` has no delta.columnMapping.physicalName");
}

/* ---- checkpoints ---- */

#define STATE                                                                                                \
    "{'minReaderVersion': 1, 'minWriterVersion': 2} AS protocol, {'id': 't', 'schemaString': "               \
    "'{\"type\":\"struct\",\"fields\":[{\"name\":\"n\",\"type\":\"integer\",\"metadata\":{}}]}', "           \
    "'partitionColumns': []::VARCHAR[]} AS metaData"

static void data_make(void)
{
    sql_run("COPY (SELECT 1::INTEGER AS n) TO '%s/a.parquet' (FORMAT parquet); "
            "COPY (SELECT 2::INTEGER AS n) TO '%s/b.parquet' (FORMAT parquet); "
            "COPY (SELECT 3::INTEGER AS n) TO '%s/c.parquet' (FORMAT parquet)");
}

static void a_checkpoint_stands_for_the_commits_before_it(void **state)
{
    (void)state;
    data_make();
    sql_run("COPY (SELECT {'path': 'a.parquet', 'stats': '{\"numRecords\":1}'} AS add, " STATE
            " UNION ALL SELECT {'path': 'b.parquet', 'stats': NULL}, NULL, NULL) TO "
            "'%s/_delta_log/00000000000000000005.checkpoint.parquet' (FORMAT parquet)");
    commit_write(6, ADD("c.parquet"), REMOVE("b.parquet"), NULL, NULL);
    text_write("_delta_log/_last_checkpoint", "{\"version\": 77, rubbish");
    text_write("_delta_log/00000000000000000006.crc", "{}");
    text_write("_delta_log/00000000000000000004.00000000000000000006.compacted.json", "rubbish");
    struct heddle_source_options options = delta_of(&log_of_test);
    expect_source(&options, "a.parquet:0|1\nc.parquet:0|3\n", "");
    const struct heddle_source_setting setting = {"versionAsOf", "5"};
    options.settings = &setting;
    options.setting_count = 1;
    expect_source(&options, "a.parquet:0|1\nb.parquet:0|2\n", "");
    text_write("_delta_log/00000000000000000005.checkpoint.parquet", "PAR1 rubbish PAR1");
    expect_refused(&options, HEDDLE_SOURCE, "00000000000000000005.checkpoint.parquet");
}

static void a_checkpoint_in_parts_counts_only_when_it_is_whole(void **state)
{
    (void)state;
    data_make();
    sql_run("COPY (SELECT {'path': 'a.parquet'} AS add, " STATE
            ") TO '%s/_delta_log/00000000000000000001.checkpoint.0000000001.0000000002.parquet' (FORMAT "
            "parquet)");
    struct heddle_source_options options = delta_of(&log_of_test);
    expect_refused(&options, HEDDLE_SOURCE, "neither a commit nor a whole checkpoint");
    commit_write(1, ADD("c.parquet"), NULL, NULL, NULL);
    expect_refused(&options, HEDDLE_SOURCE, "begins with commit 1");
    sql_run("COPY (SELECT {'path': 'b.parquet'} AS add) TO "
            "'%s/_delta_log/00000000000000000001.checkpoint.0000000002.0000000002.parquet' (FORMAT parquet)");
    expect_source(&options, "a.parquet:0|1\nb.parquet:0|2\n", "");
}

static void a_checkpoint_of_version_two_names_its_sidecars(void **state)
{
    (void)state;
    static const char v2[] =
        "_delta_log/00000000000000000001.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json";
    data_make();
    assert_int_equal(mkdir(path_of("_delta_log/_sidecars"), 0777), 0);
    sql_run("COPY (SELECT {'path': p || '.parquet', 'size': 1} AS add FROM (VALUES ('a'), ('b')) t(p)) TO "
            "'%s/_delta_log/_sidecars/x.parquet' (FORMAT parquet)");
    commit_write(2, REMOVE("a.parquet"), NULL, NULL, NULL);
    struct heddle_buffer text = {0};
    heddle_buffer_append_format(
        &text, "{\"checkpointMetadata\":{\"version\":1}}\n%s%s%s", PROTOCOL_3("\"v2Checkpoint\""),
        metadata_of(FIELD("n", "integer"), "", ""),
        "{\"sidecar\":{\"path\":\"x.parquet\",\"sizeInBytes\":1,\"modificationTime\":1}}\n");
    text_write(v2, heddle_buffer_text(&text));
    const struct heddle_source_options options = delta_of(&log_of_test);
    expect_source(&options, "b.parquet:0|2\n", "");
    /* The same as Parquet, which names a sidecar that is not there, or one outside. */
    assert_int_equal(unlink(path_of(v2)), 0);
    sql_run(
        "COPY (SELECT {'path': 'gone.parquet'} AS sidecar, " STATE
        ") TO '%s/_delta_log/00000000000000000001.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.parquet' "
        "(FORMAT parquet)");
    expect_refused(&options, HEDDLE_SOURCE, "_sidecars/gone.parquet, which is not there");
    sql_run(
        "COPY (SELECT {'path': '../../../x.parquet'} AS sidecar, " STATE
        ") TO '%s/_delta_log/00000000000000000001.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.parquet' "
        "(FORMAT parquet)");
    expect_refused(&options, HEDDLE_SOURCE, "outside the table's folder");
    heddle_buffer_free(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, table_make, table_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_outside_the_folder_is_ever_read),
        TEST(a_path_inside_the_folder_may_be_written_in_any_form),
        TEST(a_log_with_a_hole_is_refused_and_says_which_commit_is_missing),
        TEST(what_a_line_says_wrongly_is_said_with_file_and_line),
        TEST(schemas_that_cannot_be_read_are_refused_by_name),
        TEST(protocols_beyond_this_reader_are_refused_by_feature),
        TEST(a_checkpoint_stands_for_the_commits_before_it),
        TEST(a_checkpoint_in_parts_counts_only_when_it_is_whole),
        TEST(a_checkpoint_of_version_two_names_its_sidecars),
    };
    if (!duck_is_there()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
