/* test_svg.c: pictures are well formed whatever they are given, and nothing from a table becomes markup. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/svg.h"

static size_t times(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

static void what_comes_from_a_table_is_no_markup(void **state)
{
    (void)state;
    struct heddle_buffer out = {0};
    heddle_svg_text(&out, "<script>alert('x & \"y\"')</script>\x01\n");
    assert_string_equal(heddle_buffer_text(&out),
                        "&lt;script&gt;alert(&#39;x &amp; &quot;y&quot;&#39;)&lt;/script&gt;"
                        "\xef\xbf\xbd\xef\xbf\xbd");
    heddle_buffer_reset(&out);
    heddle_svg_text(&out, "caf\xc3\xa9 \xe2\x9c\x93");
    assert_string_equal(heddle_buffer_text(&out), "caf\xc3\xa9 \xe2\x9c\x93");
    heddle_buffer_reset(&out);
    heddle_svg_text(&out, "caf\xe9");
    assert_string_equal(heddle_buffer_text(&out), "caf\xef\xbf\xbd");
    heddle_buffer_free(&out);
}

static void the_fullest_cell_is_the_darkest_and_an_empty_one_is_not_drawn(void **state)
{
    (void)state;
    const double values[] = {0, 5, 10, 0};
    struct heddle_buffer out = {0};
    heddle_svg_heat_map(
        &out,
        &(struct heddle_svg_grid){
            .values = values, .rows = 2, .columns = 2, .title = "t", .row_label = "r", .column_label = "c"});
    const char *svg = heddle_buffer_text(&out);
    assert_int_equal(times(svg, "class=\"cell\""), 2);
    assert_int_equal(times(svg, "opacity=\"1.000\""), 1);
    assert_int_equal(times(svg, "opacity=\"0.500\""), 1);
    assert_int_equal(times(svg, "<svg"), times(svg, "</svg>"));
    heddle_buffer_free(&out);
}

static void a_large_map_is_merged_without_losing_a_row(void **state)
{
    (void)state;
    static double values[200 * 200];
    for (size_t i = 0; i < 200 * 200; i++) {
        values[i] = 1;
    }
    struct heddle_buffer out = {0};
    heddle_svg_heat_map(&out, &(struct heddle_svg_grid){.values = values,
                                                        .rows = 200,
                                                        .columns = 200,
                                                        .title = "t",
                                                        .row_label = "r",
                                                        .column_label = "c"});
    assert_int_equal(times(heddle_buffer_text(&out), "class=\"cell\""),
                     HEDDLE_SVG_GRID_MAX * HEDDLE_SVG_GRID_MAX);
    heddle_buffer_free(&out);
}

static void a_map_of_nothing_is_drawn_empty(void **state)
{
    (void)state;
    const double values[] = {0};
    struct heddle_buffer out = {0};
    heddle_svg_heat_map(
        &out,
        &(struct heddle_svg_grid){
            .values = values, .rows = 1, .columns = 1, .title = "", .row_label = "", .column_label = ""});
    assert_int_equal(times(heddle_buffer_text(&out), "class=\"cell\""), 0);
    assert_null(strstr(heddle_buffer_text(&out), "nan"));
    heddle_buffer_free(&out);
}

static void a_chart_has_a_line_and_a_name_for_each_series(void **state)
{
    (void)state;
    const double one[] = {1, 2, 4};
    const double two[] = {1, 2, 3};
    static const char *const points[] = {"1", "2", "<4>"};
    const struct heddle_svg_line lines[] = {{"bound", one, "bound"}, {"a & b", two, "tiles"}};
    struct heddle_buffer out = {0};
    heddle_svg_chart(&out,
                     &(struct heddle_svg_chart){
                         .title = "t", .points = points, .point_count = 3, .lines = lines, .line_count = 2});
    const char *svg = heddle_buffer_text(&out);
    assert_int_equal(times(svg, "<polyline"), 2);
    assert_non_null(strstr(svg, "a &amp; b"));
    assert_non_null(strstr(svg, "&lt;4&gt;"));
    assert_null(strstr(svg, "nan"));
    heddle_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_from_a_table_is_no_markup),
        cmocka_unit_test(the_fullest_cell_is_the_darkest_and_an_empty_one_is_not_drawn),
        cmocka_unit_test(a_large_map_is_merged_without_losing_a_row),
        cmocka_unit_test(a_map_of_nothing_is_drawn_empty),
        cmocka_unit_test(a_chart_has_a_line_and_a_name_for_each_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
