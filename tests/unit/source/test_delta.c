/* test_delta.c: Delta tables read back: replay, time travel, column mapping, partitions, widening, deletion vectors. */
#include "delta_fixture.h"

#include <zlib.h>

static struct reject_log log_of_test;

static void a_folder_with_a_log_is_delta(void **state)
{
    (void)state;
    assert_string_equal(heddle_source_guess_type(folder), "delta");
    assert_int_equal(rmdir(path_of("_delta_log")), 0);
    assert_null(heddle_source_guess_type(folder));
}

static void replay_gives_the_files_that_are_left(void **state)
{
    (void)state;
    sql_run("COPY (SELECT i::INTEGER AS n FROM range(3) t(i)) TO '%s/a.parquet' (FORMAT parquet); "
            "COPY (SELECT 10::INTEGER AS n) TO '%s/b.parquet' (FORMAT parquet); "
            "COPY (SELECT 20::INTEGER AS n) TO '%s/c d.parquet' (FORMAT parquet)");
    numbers_table(ADD("a.parquet"));
    commit_write(1, ADD("b.parquet"), "{\"unknownAction\":{\"x\":[1]}}\n\n", NULL, NULL);
    commit_write(2, ADD("c%20d.parquet"), REMOVE("a.parquet"), NULL, NULL);
    commit_write(3, REMOVE("b.parquet"), ADD("b.parquet"), NULL,
                 NULL); /* removes go first, wherever they stand */
    struct heddle_source_options options = delta_of(&log_of_test);
    expect_source(&options, "b.parquet:0|10\nc d.parquet:0|20\n", "");
    const struct heddle_source_setting first[] = {{"versionAsOf", "0"}};
    options.settings = first;
    options.setting_count = 1;
    expect_source(&options, "a.parquet:0|0\na.parquet:1|1\na.parquet:2|2\n", "");
    const struct heddle_source_setting later[] = {{"versionAsOf", "4"}};
    options.settings = later;
    expect_refused(&options, HEDDLE_SOURCE, "there is no version 4: the newest");
}

/* Gives a commit's file a modification time in seconds. */
static void commit_touch(int version, time_t seconds)
{
    char name[64];
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    snprintf(name, sizeof name, "_delta_log/%020d.json", version);
    assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

static void time_travel_finds_the_version_of_a_moment(void **state)
{
    (void)state;
    sql_run("COPY (SELECT 1::INTEGER AS n) TO '%s/a.parquet' (FORMAT parquet); "
            "COPY (SELECT 2::INTEGER AS n) TO '%s/b.parquet' (FORMAT parquet)");
    numbers_table(ADD("a.parquet"));
    commit_write(1, ADD("b.parquet"), NULL, NULL, NULL);
    commit_write(2, REMOVE("a.parquet"), NULL, NULL, NULL);
    commit_touch(0, 1714557600); /* 2024-05-01T10:00:00Z */
    commit_touch(1, 1714561200);
    commit_touch(
        2, 1714560000); /* a copied log: older than the one before, so it counts as a millisecond later */
    struct heddle_source_options options = delta_of(&log_of_test);
    struct heddle_source_setting setting = {"timestampAsOf", "2024-05-01 10:59:59"};
    options.settings = &setting;
    options.setting_count = 1;
    expect_source(&options, "a.parquet:0|1\n", "");
    setting.value = "2024-05-01T13:00:00+02:00";
    expect_source(&options, "a.parquet:0|1\nb.parquet:0|2\n", "");
    setting.value = "2024-05-01T11:00:00.001Z";
    expect_source(&options, "b.parquet:0|2\n", "");
    setting.value = "2024-05-02";
    expect_refused(&options, HEDDLE_SOURCE, "after the newest commit");
    setting.value = "2024-04-30";
    expect_refused(&options, HEDDLE_SOURCE, "before the oldest commit");
    setting.value = "yesterday";
    expect_refused(&options, HEDDLE_INVALID, "not a date");
}

static void commits_that_carry_their_time_are_believed_over_their_files(void **state)
{
    (void)state;
    sql_run("COPY (SELECT 1::INTEGER AS n) TO '%s/a.parquet' (FORMAT parquet); "
            "COPY (SELECT 2::INTEGER AS n) TO '%s/b.parquet' (FORMAT parquet)");
    commit_write(0, "{\"commitInfo\":{\"inCommitTimestamp\":1714557600000}}\n", PROTOCOL_1,
                 metadata_of(FIELD("n", "integer"), "", "\"delta.enableInCommitTimestamps\":\"true\""),
                 ADD("a.parquet"));
    commit_write(1, "{\"commitInfo\":{\"inCommitTimestamp\":1714561200000}}\n", ADD("b.parquet"), NULL, NULL);
    struct heddle_source_options options = delta_of(&log_of_test);
    const struct heddle_source_setting setting = {"timestampAsOf", "2024-05-01 10:30:00"};
    options.settings = &setting;
    options.setting_count = 1;
    expect_source(&options, "a.parquet:0|1\n", "");
}

#define MAPPED(name, type, physical, id)                                                                     \
    "{\"name\":\"" name "\",\"type\":" type ",\"nullable\":true,\"metadata\":{"                              \
    "\"delta.columnMapping.physicalName\":\"" physical "\",\"delta.columnMapping.id\":" id "}}"

static const char mapped_fields[] = MAPPED(":ID(RemovalEvent)", "\"long\"", "col-1", "1") "," MAPPED(
    "s", "{\"type\":\"struct\",\"fields\":[" MAPPED("in", "\"string\"", "col-3", "3") "]}", "col-2",
    "2") "," MAPPED("l",
                    "{\"type\":\"array\",\"containsNull\":true,\"elementType\":{\"type\":\"struct\","
                    "\"fields\":[" MAPPED("x y", "\"integer\"", "col-5", "5") "]}}",
                    "col-4", "4") "," MAPPED("new", "\"date\"", "col-6", "6");

static void columns_are_found_by_physical_names_at_every_level(void **state)
{
    (void)state;
    static const char *const columns[] = {"l", ":ID(RemovalEvent)", "s.in", "new"};
    sql_run("COPY (SELECT 7 AS \"col-1\", {'col-3': 'deep'} AS \"col-2\", [{'col-5': 1}, NULL] AS \"col-4\") "
            "TO '%s/a.parquet' (FORMAT parquet)");
    commit_write(0, PROTOCOL_2, metadata_of(mapped_fields, "", "\"delta.columnMapping.mode\":\"name\""),
                 ADD("a.parquet"), NULL);
    struct heddle_source_options options = delta_of(&log_of_test);
    options.columns = columns;
    options.column_count = 4;
    expect_source(&options, "a.parquet:0|[{\"x y\":1},null]|7|deep|null\n", "");
    static const char *const unknown[] = {"col-1"};
    options.columns = unknown;
    options.column_count = 1;
    expect_refused(&options, HEDDLE_SOURCE, "has no column `col-1`");
}

#define MAP_OF(key, value)                                                                                   \
    "{\"type\":\"map\",\"keyType\":\"" key "\",\"valueType\":\"" value "\",\"valueContainsNull\":true}"

static void a_job_names_values_of_a_map_by_their_keys(void **state)
{
    (void)state;
    static const char fields[] = MAPPED("m", MAP_OF("string", "double"), "col-1",
                                        "1") "," MAPPED("by number", MAP_OF("integer", "date"), "col-2",
                                                        "2") "," MAPPED("m.own", "\"integer\"", "col-3", "3");
    static const char *const columns[] = {"m.flight hours", "by number.-7", "m.own", "m.none", "by number"};
    sql_run("COPY (SELECT MAP {'flight hours': 12.5::DOUBLE, 'own': 9::DOUBLE} AS \"col-1\", "
            "MAP {-7::INTEGER: DATE '2024-05-01'} AS \"col-2\", 5::INTEGER AS \"col-3\") "
            "TO '%s/a.parquet' (FORMAT parquet); "
            "COPY (SELECT NULL::MAP(VARCHAR, DOUBLE) AS \"col-1\") TO '%s/b.parquet' (FORMAT parquet)");
    commit_write(0, PROTOCOL_2, metadata_of(fields, "", "\"delta.columnMapping.mode\":\"name\""),
                 ADD("a.parquet"), ADD("b.parquet"));
    struct heddle_source_options options = delta_of(&log_of_test);
    options.columns = columns;
    options.column_count = 5;
    /* A column that is called as a key would be comes first. */
    expect_source(&options,
                  "a.parquet:0|12.5|2024-05-01|5|null|{-7: 2024-05-01}\n"
                  "b.parquet:0|null|null|null|null|null\n",
                  "");
    struct heddle_source *source = NULL;
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    assert_string_equal(heddle_source_schema(source)->fields[1].name, "by number.-7");
    assert_int_equal(heddle_source_schema(source)->fields[1].type, HEDDLE_TYPE_DATE);
    heddle_source_close(source);
}

static void columns_are_found_by_field_ids_whatever_they_are_called(void **state)
{
    (void)state;
    sql_run("COPY (SELECT 'other' AS e, [{'f': 3}] AS d, {'c': 'deep'} AS b, 7 AS a) TO '%s/a.parquet' "
            "(FORMAT parquet, FIELD_IDS {a: 1, b: {__duckdb_field_id: 2, c: 3}, e: 9, "
            "d: {__duckdb_field_id: 4, element: {f: 5}}}); "
            "COPY (SELECT 7 AS \"col-1\") TO '%s/b.parquet' (FORMAT parquet)");
    commit_write(0, PROTOCOL_2, metadata_of(mapped_fields, "", "\"delta.columnMapping.mode\":\"id\""),
                 ADD("a.parquet"), NULL);
    const struct heddle_source_options options = delta_of(&log_of_test);
    expect_source(&options, "a.parquet:0|7|deep|[{\"x y\":3}]|null\n", "");
    commit_write(1, ADD("b.parquet"), NULL, NULL, NULL);
    expect_failure(&options, "has no field ids");
}

static void partition_values_read_as_every_type(void **state)
{
    (void)state;
    static const char fields[] = FIELD("n", "integer") "," FIELD("i", "integer") "," FIELD("s", "string") "," FIELD(
        "b",
        "boolea"
        "n") "," FIELD("f",
                       "double") "," FIELD("d",
                                           "date") "," FIELD("m",
                                                             "decimal(5,2)") "," FIELD("t",
                                                                                       "timestamp") "," FIELD("u",
                                                                                                              "timestamp_ntz") "," FIELD("y",
                                                                                                                                         "bi"
                                                                                                                                         "na"
                                                                                                                                         "r"
                                                                                                                                         "y") "," FIELD("v",
                                                                                                                                                        "void");
    static const char columns[] = "\"i\",\"s\",\"b\",\"f\",\"d\",\"m\",\"t\",\"u\",\"y\"";
    static const char values[] =
        "{\"add\":{\"path\":\"a.parquet\",\"size\":1,\"modificationTime\":1,\"dataChange\":true,"
        "\"partitionValues\":{"
        "\"i\":\"-7\",\"s\":\"it's\",\"b\":\"true\",\"f\":\"-Infinity\",\"d\":\"2024-05-01\",\"m\":\"1.20\","
        "\"t\":\"2024-05-01 10:00:00.5\",\"u\":\"2024-05-01 10:00:00\",\"y\":\"ab\"}}}\n"
        "{\"add\":{\"path\":\"b.parquet\",\"size\":1,\"modificationTime\":2,\"dataChange\":true,"
        "\"partitionValues\":{"
        "\"i\":null,\"s\":\"\",\"b\":null,\"f\":null,\"d\":null,\"m\":null,\"t\":\"2024-05-01T10:00:00Z\","
        "\"u\":null,\"y\":null}}}\n";
    sql_run("COPY (SELECT 1::INTEGER AS n, 99 AS i) TO '%s/a.parquet' (FORMAT parquet); "
            "COPY (SELECT 2::INTEGER AS n) TO '%s/b.parquet' (FORMAT parquet)");
    commit_write(0, PROTOCOL_3("\"timestampNtz\""), metadata_of(fields, columns, ""), values, NULL);
    struct heddle_source_options options = delta_of(&log_of_test);
    const struct heddle_source_setting zone = {"partitionTimeZone", "Europe/Berlin"};
    options.settings = &zone;
    options.setting_count = 1;
    expect_source(
        &options,
        "a.parquet:0|1|-7|it's|true|-Infinity|2024-05-01|1.20|2024-05-01T08:00:00.5Z|2024-05-01T10:00:00|"
        "0x6162|null\n"
        "b.parquet:0|2|null|null|null|null|null|null|2024-05-01T10:00:00Z|null|null|null\n",
        "");
    commit_write(1,
                 "{\"add\":{\"path\":\"b.parquet\",\"partitionValues\":{\"i\":\"1.5\"},\"size\":1,"
                 "\"modificationTime\":0,\"dataChange\":true}}\n",
                 NULL, NULL, NULL);
    expect_failure(&options, "`1.5` of column `i`");
}

static void old_files_are_widened_and_others_refused(void **state)
{
    (void)state;
    static const char fields[] =
        FIELD("a", "long") "," FIELD("b", "double") "," FIELD("c", "decimal(20,4)") "," FIELD(
            "d", "timestamp_ntz") "," FIELD("e", "integer") "," FIELD("f", "string");
    sql_run("COPY (SELECT 1::TINYINT AS a, 2::FLOAT AS b, 3.25::DECIMAL(5,2) AS c, DATE '2024-05-01' AS d, "
            "4::INTEGER AS E, 'x'::BLOB AS f) TO '%s/a.parquet' (FORMAT parquet); "
            "COPY (SELECT 'text' AS a) TO '%s/b.parquet' (FORMAT parquet)");
    commit_write(0, PROTOCOL_3("\"typeWidening\",\"timestampNtz\""), metadata_of(fields, "", ""),
                 ADD("a.parquet"), NULL);
    const struct heddle_source_options options = delta_of(&log_of_test);
    expect_source(&options, "a.parquet:0|1|2.0|3.2500|2024-05-01T00:00:00|4|x\n", "");
    commit_write(1, ADD("b.parquet"), NULL, NULL, NULL);
    expect_failure(&options, "column `a` is VARCHAR in the file");
}

/* Rows 3, 4, 7, 11, 18, 29 deleted: the example of another implementation of the protocol. */
#define VECTOR_OF_SIX                                                                                        \
    "\"deletionVector\":{\"storageType\":\"i\",\"pathOrInlineDv\":"                                          \
    "\"^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L\",\"sizeInBytes\":44,\"cardinality\":6}"
#define ADD_DELETED(path, stats, vector)                                                                     \
    "{\"add\":{\"path\":\"" path "\",\"partitionValues\":{},\"size\":1,\"modificationTime\":1,"              \
    "\"dataChange\":true,\"stats\":\"" stats "\"," vector "}}\n"

static void deleted_rows_are_left_out_and_the_others_keep_their_ordinals(void **state)
{
    (void)state;
    sql_run("COPY (SELECT i::INTEGER AS n, ['l' || i] AS l FROM range(32) t(i)) TO '%s/a.parquet' (FORMAT "
            "parquet)");
    commit_write(
        0, PROTOCOL_3("\"deletionVectors\""),
        metadata_of(FIELD("n", "integer") ",{\"name\":\"l\",\"type\":{\"type\":\"array\",\"elementType\":"
                                          "\"string\",\"containsNull\":true},\"metadata\":{}}",
                    "", ""),
        ADD_DELETED("a.parquet", "{\\\"numRecords\\\":32}", VECTOR_OF_SIX), NULL);
    static const size_t sizes[] = {0, 1, 5};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct heddle_source_options options = delta_of(&log_of_test);
        options.batch_rows = sizes[i];
        struct heddle_buffer expected = {0};
        for (int n = 0; n < 32; n++) {
            if (n != 3 && n != 4 && n != 7 && n != 11 && n != 18 && n != 29) {
                heddle_buffer_append_format(&expected, "a.parquet:%d|%d|[l%d]\n", n, n, n);
            }
        }
        expect_source(&options, heddle_buffer_text(&expected), "");
        heddle_buffer_free(&expected);
        struct heddle_source *source = NULL;
        assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
        assert_int_equal(heddle_source_rows_expected(source), 26);
        heddle_source_close(source);
    }
}

static void a_vector_that_deletes_rows_that_are_not_there_is_refused(void **state)
{
    (void)state;
    sql_run("COPY (SELECT i::INTEGER AS n FROM range(29) t(i)) TO '%s/a.parquet' (FORMAT parquet)");
    commit_write(0, PROTOCOL_3("\"deletionVectors\""), metadata_of(FIELD("n", "integer"), "", ""),
                 ADD_DELETED("a.parquet", "{}", VECTOR_OF_SIX), NULL);
    const struct heddle_source_options options = delta_of(&log_of_test);
    expect_failure(&options, "deletes row 29, but the file has 29 rows");
    commit_write(
        0, PROTOCOL_3("\"deletionVectors\""), metadata_of(FIELD("n", "integer"), "", ""),
        ADD_DELETED("a.parquet", "{}",
                    "\"deletionVector\":{\"storageType\":\"u\",\"pathOrInlineDv\":\"ab^-aqEH.-t@S}K{vb[*k^\","
                    "\"offset\":4,\"sizeInBytes\":2000000000,\"cardinality\":2147483648}"),
        NULL);
    expect_failure(&options, "deletes 2147483648 rows, but the file has 29");
}

/* The vector above, in a file as Spark writes it: `name` below the table. */
static void vector_write(const char *name, const uint8_t *bytes, uint32_t length, uint32_t checksum)
{
    uint8_t file[128] = {1};
    assert_true(length + 9 <= sizeof file);
    for (int i = 0; i < 4; i++) {
        file[1 + i] = (uint8_t)(length >> (24 - 8 * i));
        file[5 + length + (uint32_t)i] = (uint8_t)(checksum >> (24 - 8 * i));
    }
    memcpy(file + 5, bytes, length);
    file_write(name, file, length + 9);
}

static void a_vector_on_disk_is_found_by_its_uuid_and_checked(void **state)
{
    (void)state;
    /* magic, one bucket, key 0, one array container of two rows: 1 and 2 */
    static const uint8_t vector[] = {0xd1, 0xd3, 0x39, 0x64, 1, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0x3a, 0x30,
                                     0,    0,    1,    0,    0, 0, 0, 0, 1, 0, 16, 0, 0, 0, 1, 0, 2,    0};
    static const char name[] = "pre/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin";
    const uint32_t checksum = (uint32_t)crc32(0, vector, sizeof vector);
    sql_run("COPY (SELECT i::INTEGER AS n FROM range(4) t(i)) TO '%s/a.parquet' (FORMAT parquet)");
    assert_int_equal(mkdir(path_of("pre"), 0777), 0);
    vector_write(name, vector, sizeof vector, checksum);
    commit_write(
        0, PROTOCOL_3("\"deletionVectors\""), metadata_of(FIELD("n", "integer"), "", ""),
        ADD_DELETED(
            "a.parquet", "{}",
            "\"deletionVector\":{\"storageType\":\"u\",\"pathOrInlineDv\":\"pre^-aqEH.-t@S}K{vb[*k^\","
            "\"offset\":1,\"sizeInBytes\":36,\"cardinality\":2}"),
        NULL);
    const struct heddle_source_options options = delta_of(&log_of_test);
    expect_source(&options, "a.parquet:0|0\na.parquet:3|3\n", "");
    vector_write(name, vector, sizeof vector, checksum ^ 1);
    expect_failure(&options, "checksum does not match");
    vector_write(name, vector, sizeof vector - 1, checksum);
    expect_failure(&options, "its size is another than the log says");
    assert_int_equal(unlink(path_of(name)), 0);
    expect_failure(&options, "which is not there");
}

static void reading_survives_the_failure_of_every_allocation_of_ours(void **state)
{
    (void)state;
    sql_run(
        "COPY (SELECT i::INTEGER AS n FROM range(32) t(i)) TO '%s/a.parquet' (FORMAT parquet); "
        "COPY (SELECT {'path': 'a.parquet', 'partitionValues': MAP {'p': 'v'}} AS add, {'minReaderVersion': "
        "1, "
        "'minWriterVersion': 2} AS protocol, {'id': 't', 'schemaString': "
        "'{\"type\":\"struct\",\"fields\":[{\"name\":"
        "\"n\",\"type\":\"integer\",\"metadata\":{}}]}', 'partitionColumns': []::VARCHAR[]} AS metaData) TO "
        "'%s/_delta_log/00000000000000000001.checkpoint.parquet' (FORMAT parquet)");
    commit_write(2, ADD_DELETED("a.parquet", "{}", VECTOR_OF_SIX), REMOVE("a.parquet"), NULL, NULL);
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t failures = 0;
    for (; status != HEDDLE_END; failures++) {
        assert_true(failures < 1000);
        struct heddle_source *source = NULL;
        struct heddle_batch *batch = NULL;
        struct heddle_error error = {0};
        const struct heddle_source_options options = delta_of(&log_of_test);
        heddle_memory_fail_at(failures);
        status = heddle_source_open(&options, &source, &error);
        while (status == HEDDLE_OK) {
            status = heddle_source_next(source, &batch, &error);
            if (status == HEDDLE_OK) {
                heddle_batch_release(batch);
            }
        }
        heddle_memory_fail_at(-1);
        if (status != HEDDLE_END && status != HEDDLE_OUT_OF_MEMORY) {
            fail_msg("allocation %lld: status %d: %s", (long long)failures, status, error.message);
        }
        if (status == HEDDLE_END) {
            assert_int_equal(heddle_source_rows_read(source), 26);
        }
        heddle_source_close(source);
    }
    assert_true(failures > 40);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, table_make, table_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_folder_with_a_log_is_delta),
        TEST(replay_gives_the_files_that_are_left),
        TEST(time_travel_finds_the_version_of_a_moment),
        TEST(commits_that_carry_their_time_are_believed_over_their_files),
        TEST(columns_are_found_by_physical_names_at_every_level),
        TEST(a_job_names_values_of_a_map_by_their_keys),
        TEST(columns_are_found_by_field_ids_whatever_they_are_called),
        TEST(partition_values_read_as_every_type),
        TEST(old_files_are_widened_and_others_refused),
        TEST(deleted_rows_are_left_out_and_the_others_keep_their_ordinals),
        TEST(a_vector_that_deletes_rows_that_are_not_there_is_refused),
        TEST(a_vector_on_disk_is_found_by_its_uuid_and_checked),
        TEST(reading_survives_the_failure_of_every_allocation_of_ours),
    };
    if (!duck_is_there()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
