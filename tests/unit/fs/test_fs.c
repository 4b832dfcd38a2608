/* test_fs.c: stores against a scripted server: pages, attempts, refusals, and what stays on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "fs/depot.h"
#include "fs/mirror.h"
#include "support/http_script.h"

#define SECRET "s3cr3t-key-of-the-store"
#define TOKEN "t0ken-of-the-session"
#define PAGE(items, more)                                                                                    \
    "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" more items \
    "</ListBucketResult>"
#define ITEM(key, size, etag)                                                                                \
    "<Contents><Key>" key "</Key><LastModified>2025-01-02T03:04:05.678Z</LastModified><ETag>&quot;" etag     \
    "&quot;</ETag><Size>" size "</Size></Contents>"

static struct http_script script;
static struct heddle_error error;
static char endpoint[HTTP_SCRIPT_URL_MAX];
static char cache[64];
static struct heddle_buffer seen;
static size_t seen_count;

static const char *variable(const void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "AWS_ENDPOINT_URL") == 0 || strcmp(name, "STORAGE_EMULATOR_HOST") == 0) {
        return endpoint;
    }
    if (strcmp(name, "AZURE_STORAGE_ENDPOINT") == 0) {
        return endpoint;
    }
    return strcmp(name, "AWS_ACCESS_KEY_ID") == 0           ? "an-id"
           : strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0     ? SECRET
           : strcmp(name, "AWS_SESSION_TOKEN") == 0         ? TOKEN
           : strcmp(name, "AWS_REGION") == 0                ? "eu-west-3"
           : strcmp(name, "AZURE_STORAGE_SAS_TOKEN") == 0   ? "?sv=1&sig=" SECRET
           : strcmp(name, "GOOGLE_OAUTH_ACCESS_TOKEN") == 0 ? TOKEN
                                                            : NULL;
}

static struct heddle_fs_settings settings(void)
{
    return (struct heddle_fs_settings){.variable = variable, .cache_folder = cache, .pause_ms = 1};
}

static struct heddle_fs *begin(const char *uri, const struct http_script_answer *answers, size_t count)
{
    const struct heddle_fs_settings now = settings();
    struct heddle_fs *fs = NULL;
    error = (struct heddle_error){0};
    heddle_buffer_reset(&seen);
    seen_count = 0;
    http_script_start(&script, answers, count);
    http_script_url(&script, "", endpoint);
    assert_int_equal(heddle_fs_open(uri, &now, &fs, &error), HEDDLE_OK);
    return fs;
}

static void end(struct heddle_fs *fs)
{
    heddle_fs_close(fs);
    http_script_stop(&script);
    http_script_free(&script);
    assert_null(strstr(error.message, SECRET));
    assert_null(strstr(error.message, TOKEN));
}

static int note(void *context, const struct heddle_fs_entry *entry, struct heddle_error *unused)
{
    (void)context;
    (void)unused;
    seen_count++;
    heddle_buffer_append_format(&seen, "%s %llu %lld;", entry->name, (unsigned long long)entry->size,
                                (long long)entry->modified_ms);
    return HEDDLE_OK;
}

static void a_listing_goes_on_to_the_last_page_and_every_request_is_signed(void **state)
{
    static const struct http_script_answer answers[] = {
        {.body =
             PAGE(ITEM("t/a%20b.csv", "3", "x"),
                  "<IsTruncated>true</IsTruncated><NextContinuationToken>n/1=&amp;</NextContinuationToken>")},
        {.body = PAGE(ITEM("t/", "0", "x") ITEM("t/c+%C3%A9.csv", "4294967296", "x"),
                      "<IsTruncated>false</IsTruncated>")},
    };
    struct heddle_fs *fs = begin("s3://b/t/", answers, 2);
    char value[512];
    (void)state;
    assert_int_equal(heddle_fs_list(fs, "", note, NULL, &error), HEDDLE_OK);
    assert_string_equal(heddle_buffer_text(&seen),
                        "a b.csv 3 1735787045678;c é.csv 4294967296 1735787045678;");
    assert_int_equal(http_script_count(&script), 2);
    assert_string_equal(http_script_request(&script, 0)->target,
                        "/b?delimiter=%2F&encoding-type=url&list-type=2&prefix=t%2F");
    assert_non_null(strstr(http_script_request(&script, 1)->target, "continuation-token=n%2F1%3D%26&"));
    for (size_t i = 0; i < 2; i++) {
        const struct http_script_request *request = http_script_request(&script, i);
        assert_string_equal(http_script_header(request, "x-amz-security-token", value, sizeof value), TOKEN);
        assert_non_null(http_script_header(request, "authorization", value, sizeof value));
        assert_non_null(
            strstr(value, "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
        assert_non_null(strstr(value, "/eu-west-3/s3/aws4_request"));
        assert_null(strstr(request->head, SECRET));
    }
    end(fs);
}

static void trouble_that_passes_is_waited_out(void **state)
{
    static const struct http_script_answer answers[] = {
        {.status = 503, .body = "<Error><Code>SlowDown</Code></Error>"},
        {.status = 429, .head = "Retry-After: 0\r\n"},
        {.body = "whole and good", .end = HTTP_SCRIPT_CUT},
        {.end = HTTP_SCRIPT_HANG_UP},
        {.body = "whole and good"},
    };
    struct heddle_fs *fs = begin("s3://b", answers, 5);
    struct heddle_buffer text = {0};
    (void)state;
    assert_int_equal(heddle_fs_get(fs, "x", 0, UINT64_MAX, &text, &error), HEDDLE_OK);
    assert_string_equal(heddle_buffer_text(&text), "whole and good");
    heddle_buffer_free(&text);
    end(fs);
}

static void trouble_that_stays_is_told_after_six_attempts(void **state)
{
    static const struct http_script_answer answers[] = {{.status = 500}};
    struct heddle_fs *fs = begin("s3://b", answers, 1);
    struct heddle_buffer text = {0};
    (void)state;
    assert_int_equal(heddle_fs_get(fs, "x", 0, UINT64_MAX, &text, &error), HEDDLE_NETWORK);
    assert_int_equal(http_script_count(&script), HEDDLE_FS_ATTEMPTS_MAX);
    assert_non_null(strstr(error.message, "s3://b/x"));
    assert_int_equal(text.length, 0);
    heddle_buffer_free(&text);
    end(fs);
}

static void a_refusal_says_what_is_missing(void **state)
{
    static const struct {
        const char *uri;
        struct http_script_answer answer;
        const char *said;
    } cases[] = {
        {"s3://b", {.status = 403, .body = "<Error><Code>AccessDenied</Code></Error>"}, "s3:GetObject"},
        {"s3://b", {.status = 400, .body = "<Error><Code>ExpiredToken</Code></Error>"}, "expired"},
        {"s3://b",
         {.status = 403, .body = "<Error><Code>SignatureDoesNotMatch</Code></Error>"},
         "secret key"},
        {"s3://b",
         {.status = 403, .body = "<Error><Code>InvalidAccessKeyId</Code></Error>"},
         "AWS_ACCESS_KEY_ID"},
        {"s3://b", {.status = 404, .body = "<Error><Code>NoSuchBucket</Code></Error>"}, "no such bucket"},
        {"s3://b", {.status = 404, .body = "<Error><Code>NoSuchKey</Code></Error>"}, "no such file"},
        {"s3://b",
         {.status = 400,
          .body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-west-2</Region></Error>"},
         "us-west-2: set AWS_REGION"},
        {"s3://b",
         {.status = 301, .head = "x-amz-bucket-region: ap-south-1\r\n"},
         "ap-south-1: set AWS_REGION"},
        {"abfss://c@a.dfs.core.windows.net",
         {.status = 403, .head = "x-ms-error-code: AuthorizationPermissionMismatch\r\n"},
         "read (r) in the SAS"},
        {"abfss://c@a.dfs.core.windows.net",
         {.status = 403, .head = "x-ms-error-code: AuthenticationFailed\r\n"},
         "AZURE_STORAGE_SAS_TOKEN"},
        {"gs://b", {.status = 403, .body = "{}"}, "storage.objects.get"},
        {"gs://b", {.status = 401, .body = "{}"}, "GOOGLE_OAUTH_ACCESS_TOKEN"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct heddle_fs *fs = begin(cases[i].uri, &cases[i].answer, 1);
        struct heddle_buffer text = {0};
        assert_int_equal(heddle_fs_get(fs, "x", 0, UINT64_MAX, &text, &error), HEDDLE_SOURCE);
        if (strstr(error.message, cases[i].said) == NULL) {
            fail_msg("case %zu: `%s` does not say `%s`", i, error.message, cases[i].said);
        }
        assert_int_equal(http_script_count(&script), 1);
        heddle_buffer_free(&text);
        end(fs);
    }
}

static void a_part_is_asked_for_by_range_and_a_whole_in_its_place_is_refused(void **state)
{
    static const struct http_script_answer answers[] = {{.status = 206, .body = "cde"}, {.body = "abcdef"}};
    struct heddle_fs *fs = begin("s3://b", answers, 2);
    struct heddle_buffer text = {0};
    char value[512];
    (void)state;
    assert_int_equal(heddle_fs_get(fs, "x", 2, 3, &text, &error), HEDDLE_OK);
    assert_string_equal(heddle_buffer_text(&text), "cde");
    assert_string_equal(http_script_header(http_script_request(&script, 0), "range", value, sizeof value),
                        "bytes=2-4");
    assert_non_null(
        http_script_header(http_script_request(&script, 0), "authorization", value, sizeof value));
    assert_non_null(strstr(value, ";range;"));
    assert_int_equal(heddle_fs_get(fs, "x", 2, 3, &text, &error), HEDDLE_PROTOCOL);
    heddle_buffer_free(&text);
    end(fs);
}

static void a_file_is_made_only_where_there_is_none(void **state)
{
    static const struct http_script_answer answers[] = {{.status = 200}, {.status = 412}};
    static const char *const uris[] = {"s3://b", "abfss://c@a.dfs.core.windows.net", "gs://b"};
    static const char *const conditions[] = {"if-none-match: *", "if-none-match: *", "ifGenerationMatch=0"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct heddle_fs *fs = begin(uris[i], answers, 2);
        assert_int_equal(heddle_fs_put_new(fs, "x", "text", 4, &error), HEDDLE_OK);
        assert_int_equal(heddle_fs_put_new(fs, "x", "text", 4, &error), HEDDLE_CLOSED);
        assert_string_equal(http_script_request(&script, 0)->body, "text");
        assert_non_null(strcasestr(http_script_request(&script, 0)->head, conditions[i]));
        end(fs);
    }
}

static void a_file_is_written_anew_under_no_condition_and_removed(void **state)
{
    static const struct http_script_answer answers[] = {
        {.status = 200}, {.status = 204}, {.status = 404, .body = "<Error><Code>NoSuchKey</Code></Error>"}};
    static const char *const uris[] = {"s3://b", "abfss://c@a.dfs.core.windows.net", "gs://b"};
    static const char *const conditions[] = {"if-none-match", "if-none-match", "ifGenerationMatch"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct heddle_fs *fs = begin(uris[i], answers, 3);
        assert_int_equal(heddle_fs_put(fs, "x", "text", 4, &error), HEDDLE_OK);
        assert_null(strcasestr(http_script_request(&script, 0)->head, conditions[i]));
        assert_string_equal(http_script_request(&script, 0)->body, "text");
        assert_int_equal(heddle_fs_remove(fs, "x", &error), HEDDLE_OK);
        assert_int_equal(heddle_fs_remove(fs, "x", &error), HEDDLE_OK); /* it is not there any more */
        assert_int_equal(http_script_count(&script), 3);
        assert_string_equal(http_script_request(&script, 1)->method, "DELETE");
        end(fs);
    }
}

/* The first attempt was carried out, but its answer was lost: the second is told that the file is there. */
static void a_file_whose_making_was_answered_late_counts_as_made(void **state)
{
    static const struct http_script_answer ours[] = {
        {.end = HTTP_SCRIPT_HANG_UP}, {.status = 412}, {.body = "text"}};
    static const struct http_script_answer theirs[] = {
        {.end = HTTP_SCRIPT_HANG_UP}, {.status = 412}, {.body = "another text"}};
    (void)state;
    struct heddle_fs *fs = begin("s3://b", ours, 3);
    assert_int_equal(heddle_fs_put_new(fs, "x", "text", 4, &error), HEDDLE_OK);
    end(fs);
    fs = begin("s3://b", theirs, 3);
    assert_int_equal(heddle_fs_put_new(fs, "x", "text", 4, &error), HEDDLE_CLOSED);
    end(fs);
}

static void a_deep_listing_asks_for_no_folders(void **state)
{
    static const struct http_script_answer answers[] = {
        {.body = PAGE(ITEM("t/a/b/c", "3", "x") ITEM("t/d", "4", "x"), "<IsTruncated>false</IsTruncated>")}};
    struct heddle_fs *fs = begin("s3://b/t", answers, 1);
    (void)state;
    assert_int_equal(heddle_fs_list_deep(fs, "", note, NULL, &error), HEDDLE_OK);
    assert_string_equal(heddle_buffer_text(&seen), "a/b/c 3 1735787045678;d 4 1735787045678;");
    assert_string_equal(http_script_request(&script, 0)->target,
                        "/b?encoding-type=url&list-type=2&prefix=t%2F");
    end(fs);
}

static void what_is_kept_in_a_store_is_read_made_and_listed_by_its_whole_name(void **state)
{
    static const struct http_script_answer answers[] = {
        {.status = 404, .body = "<Error><Code>NoSuchKey</Code></Error>"},
        {.status = 200},
        {.status = 412},
        {.body = "text"},
        {.body = PAGE(ITEM("t/offsets/3", "4", "x"), "<IsTruncated>false</IsTruncated>")},
        {.status = 403, .body = "<Error><Code>AccessDenied</Code></Error>"},
    };
    const struct heddle_fs_settings now = settings();
    struct heddle_depot *depot = NULL;
    struct heddle_buffer text = {0};
    bool found = true;
    (void)state;
    heddle_fs_close(begin("s3://b", answers, 6));
    assert_int_equal(heddle_depot_open("s3://b/t/", &now, &depot, &error), HEDDLE_OK);
    assert_true(heddle_depot_is_store(depot) && !heddle_depot_appends(depot) && !heddle_depot_locks(depot));
    assert_string_equal(heddle_depot_place(depot), "s3://b/t");
    assert_int_equal(heddle_depot_read(depot, "s3://b/t/offsets/3", 9, &text, &found, &error), HEDDLE_OK);
    assert_false(found);
    assert_int_equal(heddle_depot_create(depot, "s3://b/t/offsets/3", "text", 4, &error), HEDDLE_OK);
    assert_int_equal(heddle_depot_create(depot, "s3://b/t/offsets/3", "text", 4, &error), HEDDLE_CLOSED);
    assert_string_equal(http_script_request(&script, 1)->target, "/b/t/offsets/3");
    assert_int_equal(heddle_depot_read(depot, "s3://b/t/offsets/3", 3, &text, &found, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "larger than 3 bytes"));
    assert_int_equal(heddle_depot_list(depot, "s3://b/t/offsets", false, note, NULL, &error), HEDDLE_OK);
    assert_string_equal(heddle_buffer_text(&seen), "3 4 1735787045678;");
    assert_int_equal(heddle_depot_remove(depot, "s3://b/t/offsets/3", &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "s3:DeleteObject"));
    assert_int_equal(heddle_depot_remove(depot, "s3://b/other", &error), HEDDLE_INTERNAL);
    heddle_buffer_free(&text);
    heddle_depot_close(depot);
    http_script_stop(&script);
    http_script_free(&script);
    assert_int_equal(heddle_depot_open("https://h/t", &now, &depot, &error), HEDDLE_INVALID);
}

static void a_name_that_leads_out_is_never_asked_for(void **state)
{
    static const char *const names[] = {"../x", "a/../../x", "./x", "a//x", "/etc/passwd"};
    static const struct http_script_answer answers[] = {{.body = "x"}};
    struct heddle_fs *fs = begin("s3://b/t", answers, 1);
    struct heddle_buffer text = {0};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(heddle_fs_get(fs, names[i], 0, UINT64_MAX, &text, &error), HEDDLE_SOURCE);
    }
    assert_int_equal(http_script_count(&script), 0);
    end(fs);
}

static void what_is_no_listing_is_refused(void **state)
{
    static const char *const bodies[] = {
        "<html>", "", "<ListBucketResult><Contents></Contents></ListBucketResult>",
        PAGE("", "<IsTruncated>true</IsTruncated>"), PAGE(ITEM("%zz", "1", "x"), "")};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        const struct http_script_answer answer = {.body = bodies[i]};
        struct heddle_fs *fs = begin("s3://b", &answer, 1);
        assert_int_equal(heddle_fs_list(fs, "", note, NULL, &error), HEDDLE_PROTOCOL);
        end(fs);
    }
}

static void an_address_that_is_none_is_refused_with_its_form(void **state)
{
    static const char *const uris[] = {"s3://",           "s3://b@d/x", "abfss://c/x", "abfss://c@host/x",
                                       "https://u:p@h/x", "hdfs://n/x", "gs:///x"};
    (void)state;
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        struct heddle_fs *fs = NULL;
        error = (struct heddle_error){0};
        assert_int_equal(heddle_fs_open(uris[i], NULL, &fs, &error), HEDDLE_INVALID);
        assert_null(strstr(error.message, "u:p"));
    }
}

static void the_web_has_files_but_no_folders(void **state)
{
    static const struct http_script_answer answers[] = {
        {.head = "ETag: \"e\"\r\nLast-Modified: Thu, 02 Jan 2025 03:04:05 GMT\r\n", .body = "four"}};
    struct heddle_fs *fs = NULL;
    bool found = false;
    char url[HTTP_SCRIPT_URL_MAX];
    (void)state;
    http_script_start(&script, answers, 1);
    error = (struct heddle_error){0};
    heddle_buffer_reset(&seen);
    http_script_url(&script, "/d?sig=" SECRET, url);
    assert_int_equal(heddle_fs_open(url, NULL, &fs, &error), HEDDLE_OK);
    assert_null(strstr(heddle_fs_uri(fs), SECRET));
    assert_int_equal(heddle_fs_find(fs, "x.csv", &found, note, NULL, &error), HEDDLE_OK);
    assert_true(found);
    assert_string_equal(http_script_request(&script, 0)->method, "HEAD");
    assert_string_equal(http_script_request(&script, 0)->target, "/d/x.csv?sig=" SECRET);
    assert_int_equal(heddle_fs_list(fs, "", note, NULL, &error), HEDDLE_SOURCE);
    assert_non_null(strstr(error.message, "cannot be listed"));
    end(fs);
}

/* ---- the mirror ---- */

static int text_of(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return -1;
    }
    const size_t length = fread(out, 1, size - 1, file);
    out[length] = '\0';
    fclose(file);
    return (int)length;
}

static void hold_path(const struct heddle_mirror *mirror, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", heddle_mirror_folder(mirror), name);
}

static void a_listed_file_is_fetched_once_and_again_when_it_changed(void **state)
{
    static const struct http_script_answer answers[] = {
        {.body = PAGE(ITEM("x", "3", "one"), "")}, {.body = "abc"}, {.body = PAGE(ITEM("x", "3", "one"), "")},
        {.body = PAGE(ITEM("x", "3", "two"), "")}, {.body = "def"},
    };
    const struct heddle_fs_settings now = settings();
    struct heddle_mirror *mirror = NULL;
    struct heddle_mirror_hold hold;
    struct stat info;
    char path[512];
    char text[16];
    (void)state;
    http_script_start(&script, answers, 5);
    http_script_url(&script, "", endpoint);
    assert_int_equal(heddle_mirror_open("s3://b", &now, &mirror, &error), HEDDLE_OK);
    hold_path(mirror, "x", path, sizeof path);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(heddle_mirror_list(mirror, "", NULL, NULL, &error), HEDDLE_OK);
        assert_int_equal(heddle_mirror_hold(mirror, path, -1, &hold, &error), HEDDLE_OK);
        assert_int_equal(text_of(path, text, sizeof text), 3);
        assert_string_equal(text, i < 2 ? "abc" : "def");
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal((int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000, 1735787045678);
        heddle_mirror_release(&hold);
    }
    assert_int_equal(http_script_count(&script), 5);
    hold_path(mirror, "../../etc/passwd", path, sizeof path);
    assert_int_equal(heddle_mirror_hold(mirror, path, -1, &hold, &error), HEDDLE_SOURCE);
    heddle_mirror_close(mirror);
    end(NULL);
}

static void what_is_held_stays_and_the_oldest_goes_out(void **state)
{
    static const struct http_script_answer answers[] = {{.body = "0123456789"}};
    struct heddle_fs_settings now = settings();
    struct heddle_mirror *mirror = NULL;
    struct heddle_mirror_hold holds[3];
    char paths[4][512];
    (void)state;
    now.cache_bytes = 25;
    http_script_start(&script, answers, 1);
    http_script_url(&script, "", endpoint);
    assert_int_equal(heddle_mirror_open("s3://bound/t", &now, &mirror, &error), HEDDLE_OK);
    for (size_t i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "f%zu", i);
        hold_path(mirror, name, paths[i], sizeof paths[i]);
    }
    assert_int_equal(heddle_mirror_hold(mirror, paths[0], 10, &holds[0], &error), HEDDLE_OK);
    assert_int_equal(heddle_mirror_hold(mirror, paths[1], 10, &holds[1], &error), HEDDLE_OK);
    heddle_mirror_release(&holds[1]);
    assert_int_equal(heddle_mirror_hold(mirror, paths[2], 10, &holds[2], &error), HEDDLE_OK);
    assert_int_equal(access(paths[0], F_OK), 0); /* older, but held */
    assert_int_not_equal(access(paths[1], F_OK), 0);
    assert_int_equal(heddle_mirror_hold(mirror, paths[3], 10, &holds[1], &error), HEDDLE_SOURCE);
    assert_non_null(strstr(error.message, "--source-cache-bytes"));
    assert_int_equal(heddle_mirror_hold(mirror, paths[3], 26, &holds[1], &error), HEDDLE_SOURCE);
    heddle_mirror_release(&holds[0]);
    heddle_mirror_release(&holds[2]);
    heddle_mirror_close(mirror);
    end(NULL);
}

static void a_file_of_another_size_than_said_is_refused_and_not_kept(void **state)
{
    static const struct http_script_answer answers[] = {{.body = "short"}};
    const struct heddle_fs_settings now = settings();
    struct heddle_mirror *mirror = NULL;
    struct heddle_mirror_hold hold;
    char path[512];
    (void)state;
    http_script_start(&script, answers, 1);
    http_script_url(&script, "", endpoint);
    assert_int_equal(heddle_mirror_open("s3://b/sizes", &now, &mirror, &error), HEDDLE_OK);
    hold_path(mirror, "x", path, sizeof path);
    assert_int_equal(heddle_mirror_hold(mirror, path, 100, &hold, &error), HEDDLE_SOURCE);
    assert_int_not_equal(access(path, F_OK), 0);
    heddle_mirror_close(mirror);
    end(NULL);
}

/* Each allocation fails in turn over a listing, a hold and its release. */
static void want_of_memory_is_told_and_leaves_nothing_behind(void **state)
{
    const struct heddle_fs_settings now = settings();
    int status = HEDDLE_OUT_OF_MEMORY;
    (void)state;
    for (int64_t at = 1; at < 200 && status != HEDDLE_OK; at++) {
        static const struct http_script_answer answers[] = {{.body = PAGE(ITEM("x", "3", "one"), "")},
                                                            {.body = "abc"}};
        struct heddle_mirror *mirror = NULL;
        struct heddle_mirror_hold hold = {.lock = -1};
        char path[512];
        char uri[32];
        snprintf(uri, sizeof uri, "s3://memory%d", (int)at);
        http_script_start(&script, answers, 2);
        http_script_url(&script, "", endpoint);
        heddle_memory_fail_at(at);
        status = heddle_mirror_open(uri, &now, &mirror, NULL);
        if (status == HEDDLE_OK) {
            hold_path(mirror, "x", path, sizeof path);
            status = heddle_mirror_list(mirror, "", NULL, NULL, NULL);
        }
        if (status == HEDDLE_OK) {
            status = heddle_mirror_hold(mirror, path, -1, &hold, NULL);
        }
        heddle_memory_fail_at(-1);
        heddle_mirror_release(&hold);
        heddle_mirror_close(mirror);
        end(NULL);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
    }
    assert_int_equal(status, HEDDLE_OK);
}

static int setup(void **state)
{
    (void)state;
    snprintf(cache, sizeof cache, "/tmp/heddle-fs-XXXXXX");
    return mkdtemp(cache) == NULL ? -1 : setenv("no_proxy", "127.0.0.1", 1);
}

static int teardown(void **state)
{
    char command[96];
    (void)state;
    heddle_buffer_free(&seen);
    snprintf(command, sizeof command, "rm -rf '%s'", cache);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listing_goes_on_to_the_last_page_and_every_request_is_signed),
        cmocka_unit_test(trouble_that_passes_is_waited_out),
        cmocka_unit_test(trouble_that_stays_is_told_after_six_attempts),
        cmocka_unit_test(a_refusal_says_what_is_missing),
        cmocka_unit_test(a_part_is_asked_for_by_range_and_a_whole_in_its_place_is_refused),
        cmocka_unit_test(a_file_is_made_only_where_there_is_none),
        cmocka_unit_test(a_file_is_written_anew_under_no_condition_and_removed),
        cmocka_unit_test(a_file_whose_making_was_answered_late_counts_as_made),
        cmocka_unit_test(a_deep_listing_asks_for_no_folders),
        cmocka_unit_test(what_is_kept_in_a_store_is_read_made_and_listed_by_its_whole_name),
        cmocka_unit_test(a_name_that_leads_out_is_never_asked_for),
        cmocka_unit_test(what_is_no_listing_is_refused),
        cmocka_unit_test(an_address_that_is_none_is_refused_with_its_form),
        cmocka_unit_test(the_web_has_files_but_no_folders),
        cmocka_unit_test(a_listed_file_is_fetched_once_and_again_when_it_changed),
        cmocka_unit_test(what_is_held_stays_and_the_oldest_goes_out),
        cmocka_unit_test(a_file_of_another_size_than_said_is_refused_and_not_kept),
        cmocka_unit_test(want_of_memory_is_told_and_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
