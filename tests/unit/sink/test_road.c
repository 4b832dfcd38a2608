/* test_road.c: which road is taken, and that none is taken that could write another graph. */
#include "rows_fixture.h"

#include "sink/road.h"

/* The removals job and facts that speak for nothing special about one of its targets. */
struct crossing {
    struct fixture_job job;
    struct heddle_road_facts facts;
    struct heddle_road_choice choice;
};

static void crossing_init(struct crossing *crossing, size_t target)
{
    fixture_job_init(&crossing->job);
    crossing->facts = (struct heddle_road_facts){
        .targets = crossing->job.targets,
        .target_count = TARGETS,
        .target = target,
        .there_before = 1000,
        .remembered_rows = 900000,
        .chain_locks = true,
        .writers = 8,
        .batch_rows = 2000,
    };
}

static enum heddle_road taken(struct crossing *crossing)
{
    heddle_road_choose(&crossing->facts, &crossing->choice);
    assert_true(strlen(crossing->choice.reason) > 10);
    return crossing->choice.road;
}

static void merging_beside_what_is_there_goes_by_tiles(void **state)
{
    (void)state;
    struct crossing crossing;
    crossing_init(&crossing, TARGET_REMOVED_FROM);
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_TILES);
    assert_non_null(strstr(crossing.choice.reason, "there are relationships of this type"));
    crossing.facts.there_before = -1;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_TILES);
    crossing_init(&crossing, TARGET_AIRCRAFT);
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_TILES);
}

static void merging_into_an_empty_type_creates(void **state)
{
    (void)state;
    struct crossing crossing;
    crossing_init(&crossing, TARGET_REMOVED_FROM);
    crossing.facts.there_before = 0;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_CREATE);
    assert_true(crossing.choice.as_asked);
}

/* Each condition of the rewrite alone is enough to forbid it, whether it is asked for or not. */
static void each_doubt_about_newness_forbids_creating_in_place_of_merging(void **state)
{
    (void)state;
    for (int doubt = 0; doubt < 6; doubt++) {
        for (int asked = 0; asked < 2; asked++) {
            struct crossing crossing;
            crossing_init(&crossing, TARGET_REMOVED_FROM);
            struct heddle_target *target = &crossing.job.targets[TARGET_REMOVED_FROM];
            target->road = asked != 0 ? HEDDLE_ROAD_CREATE : HEDDLE_ROAD_AUTO;
            crossing.facts.there_before = doubt == 0 ? 1 : doubt == 1 ? -1 : 0;
            crossing.facts.resumes = doubt == 2;
            crossing.facts.rows_expected = doubt == 3 ? 900001 : 0;
            target->merge_ends = doubt == 4;
            if (doubt == 5) {
                crossing.job.targets[TARGET_OF_COMPONENT].type = target->type;
            }
            assert_int_equal(taken(&crossing), HEDDLE_ROAD_TILES);
            assert_int_equal(crossing.choice.as_asked, asked == 0);
        }
    }
}

static void nodes_that_others_write_too_are_not_created_in_place_of_merged(void **state)
{
    (void)state;
    struct crossing crossing;
    crossing_init(&crossing, TARGET_AIRCRAFT);
    crossing.facts.there_before = 0;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_CREATE);
    crossing.job.targets[TARGET_REMOVED_FROM].merge_ends = true;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_TILES);
    crossing_init(&crossing, TARGET_AIRCRAFT);
    crossing.facts.there_before = 0;
    crossing.job.targets[TARGET_COMPONENT].labels = crossing.job.aircraft_label;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_TILES);
}

static void rows_that_are_nothing_but_their_identity_are_guarded(void **state)
{
    (void)state;
    struct crossing crossing;
    crossing_init(&crossing, TARGET_OF_COMPONENT);
    crossing.facts.busiest_share = 0.12;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_GUARDED);
    assert_null(strstr(crossing.choice.reason, "%"));
    crossing.facts.busiest_share = 0.3;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_GUARDED);
    assert_non_null(strstr(crossing.choice.reason, "30 %"));
    /* One that sets properties of what it meets cannot be guarded. */
    crossing.facts.target = TARGET_REMOVED_FROM;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_TILES);
    /* One that shares its type with another target cannot either. */
    crossing.facts.target = TARGET_OF_COMPONENT;
    crossing.job.targets[TARGET_REMOVED_FROM].type = crossing.job.targets[TARGET_OF_COMPONENT].type;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_TILES);
}

static void creating_targets_create_and_cannot_be_guarded(void **state)
{
    (void)state;
    struct crossing crossing;
    crossing_init(&crossing, TARGET_REMOVED_FROM);
    crossing.job.targets[TARGET_REMOVED_FROM].merge = false;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_CREATE);
    crossing.job.targets[TARGET_REMOVED_FROM].road = HEDDLE_ROAD_GUARDED;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_CREATE);
    assert_false(crossing.choice.as_asked);
    assert_non_null(strstr(crossing.choice.reason, "nothing to guard"));
    crossing.job.targets[TARGET_REMOVED_FROM].road = HEDDLE_ROAD_AUTO;
    crossing.facts.chain_locks = false;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_TILES);
}

static void small_loads_and_single_writers_go_serially(void **state)
{
    (void)state;
    struct crossing crossing;
    crossing_init(&crossing, TARGET_REMOVED_FROM);
    crossing.facts.rows_expected = 4000;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_SERIAL);
    crossing.facts.rows_expected = 4001;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_TILES);
    crossing.facts.writers = 1;
    assert_int_equal(taken(&crossing), HEDDLE_ROAD_SERIAL);
}

static void what_is_asked_for_is_taken_where_it_writes_the_same_graph(void **state)
{
    (void)state;
    static const enum heddle_road roads[] = {HEDDLE_ROAD_GUARDED, HEDDLE_ROAD_TILES, HEDDLE_ROAD_SERIAL};
    for (size_t i = 0; i < sizeof roads / sizeof roads[0]; i++) {
        struct crossing crossing;
        crossing_init(&crossing, TARGET_OF_COMPONENT);
        crossing.job.targets[TARGET_OF_COMPONENT].road = roads[i];
        assert_int_equal(taken(&crossing), roads[i]);
        assert_true(crossing.choice.as_asked);
    }
}

/* The choices for removals and for a relationship of theirs, as a load makes them. */
static enum heddle_road together(struct crossing *crossing, size_t relationship,
                                 struct heddle_road_choice *joined)
{
    struct heddle_road_choice node;
    crossing->facts.target = TARGET_REMOVAL;
    heddle_road_choose(&crossing->facts, &node);
    crossing->facts.target = relationship;
    heddle_road_choose(&crossing->facts, joined);
    heddle_road_join(crossing->facts.targets, TARGETS, relationship, &node, joined);
    return node.road;
}

static void a_new_node_takes_the_relationships_of_its_row_along(void **state)
{
    (void)state;
    struct crossing crossing;
    struct heddle_road_choice joined;
    size_t riders[HEDDLE_ROAD_RIDERS_MAX];
    crossing_init(&crossing, TARGET_REMOVAL);
    crossing.facts.there_before = 0;
    assert_int_equal(heddle_road_riders(crossing.facts.targets, TARGETS, TARGET_REMOVAL, riders), 2);
    assert_int_equal(riders[0], TARGET_REMOVED_FROM);
    assert_int_equal(riders[1], TARGET_OF_COMPONENT);
    assert_int_equal(together(&crossing, TARGET_REMOVED_FROM, &joined), HEDDLE_ROAD_ONE_STATEMENT);
    assert_true(joined.rides);
    assert_string_equal(heddle_road_choice_name(&joined), "one_statement");
    assert_int_equal(joined.road, HEDDLE_ROAD_CREATE); /* of rows that cannot travel along */
    assert_non_null(strstr(joined.reason, "travel with removal"));
    /* Ends take nothing along, and one writer gains by it too. */
    assert_int_equal(heddle_road_riders(crossing.facts.targets, TARGETS, TARGET_AIRCRAFT, riders), 0);
    crossing.facts.writers = 1;
    assert_int_equal(together(&crossing, TARGET_REMOVED_FROM, &joined), HEDDLE_ROAD_ONE_STATEMENT);
    /* The relationships' type need not be empty: nothing starts at a node that is not there. */
    crossing.facts.writers = 8;
    crossing.job.targets[TARGET_REMOVAL].merge = false;
    crossing.facts.there_before = 1000;
    assert_int_equal(together(&crossing, TARGET_OF_COMPONENT, &joined), HEDDLE_ROAD_ONE_STATEMENT);
    assert_int_equal(joined.road, HEDDLE_ROAD_GUARDED);
}

/* Each doubt alone keeps the relationship apart, asked for or not; those about the node keep all of them. */
static void each_doubt_keeps_a_node_and_its_relationship_apart(void **state)
{
    (void)state;
    for (int doubt = 0; doubt < 12; doubt++) {
        for (int asked = 0; asked < 2; asked++) {
            struct crossing crossing;
            struct heddle_road_choice joined;
            crossing_init(&crossing, TARGET_REMOVAL);
            crossing.facts.there_before = 0;
            struct heddle_target *all = crossing.job.targets;
            struct heddle_target *target = &all[TARGET_REMOVED_FROM];
            target->road = asked != 0 ? HEDDLE_ROAD_ONE_STATEMENT : HEDDLE_ROAD_AUTO;
            switch (doubt) {
            case 0: crossing.facts.there_before = 1; break;
            case 1: crossing.facts.there_before = -1; break;
            case 2: crossing.facts.resumes = true; break;
            case 3: target->merge_ends = true; break;
            case 4: target->follows_its_nodes = false; break;
            case 5: target->type = all[TARGET_OF_COMPONENT].type; break;
            case 6: target->start.keys = crossing.job.aircraft_properties; break;
            case 7: all[TARGET_AIRCRAFT].labels = crossing.job.removal_label; break;
            case 8: all[TARGET_AIRCRAFT].schema_count = 0; break;
            case 9: all[TARGET_REMOVAL].schema_count = 0; break;
            case 10: all[TARGET_REMOVAL].road = HEDDLE_ROAD_TILES; break;
            default: all[TARGET_REMOVAL].source = 1; break;
            }
            (void)together(&crossing, TARGET_REMOVED_FROM, &joined);
            assert_false(joined.rides);
            assert_int_equal(joined.as_asked, asked == 0);
            assert_true(asked == 0 || strstr(joined.reason, "one_statement cannot be taken") != NULL);
        }
    }
}

/* Aircraft would take their fleet along, but removals have to find them written. */
static void an_end_of_those_that_travel_does_not_travel_itself(void **state)
{
    (void)state;
    struct crossing crossing;
    size_t riders[HEDDLE_ROAD_RIDERS_MAX];
    crossing_init(&crossing, TARGET_REMOVAL);
    struct heddle_target *target = &crossing.job.targets[TARGET_OF_COMPONENT];
    target->start = (struct heddle_target_end){TARGET_AIRCRAFT, crossing.job.aircraft_properties, 1};
    assert_int_equal(heddle_road_riders(crossing.facts.targets, TARGETS, TARGET_REMOVAL, riders), 1);
    assert_int_equal(heddle_road_riders(crossing.facts.targets, TARGETS, TARGET_AIRCRAFT, riders), 0);
    /* Where nothing else ends at them, they do. */
    crossing.job.targets[TARGET_REMOVED_FROM].road = HEDDLE_ROAD_TILES;
    assert_int_equal(heddle_road_riders(crossing.facts.targets, TARGETS, TARGET_AIRCRAFT, riders), 1);
}

static void names_go_both_ways_and_others_are_refused(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    for (int road = HEDDLE_ROAD_AUTO; road <= HEDDLE_ROAD_SERIAL; road++) {
        enum heddle_road read = HEDDLE_ROAD_AUTO;
        assert_int_equal(heddle_road_parse(heddle_road_name((enum heddle_road)road), &read, &error),
                         HEDDLE_OK);
        assert_int_equal(read, road);
    }
    enum heddle_road read;
    assert_int_equal(heddle_road_parse("tile", &read, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "one_statement"));
    assert_string_equal(heddle_road_name((enum heddle_road)99), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merging_beside_what_is_there_goes_by_tiles),
        cmocka_unit_test(merging_into_an_empty_type_creates),
        cmocka_unit_test(each_doubt_about_newness_forbids_creating_in_place_of_merging),
        cmocka_unit_test(nodes_that_others_write_too_are_not_created_in_place_of_merged),
        cmocka_unit_test(rows_that_are_nothing_but_their_identity_are_guarded),
        cmocka_unit_test(creating_targets_create_and_cannot_be_guarded),
        cmocka_unit_test(small_loads_and_single_writers_go_serially),
        cmocka_unit_test(what_is_asked_for_is_taken_where_it_writes_the_same_graph),
        cmocka_unit_test(a_new_node_takes_the_relationships_of_its_row_along),
        cmocka_unit_test(each_doubt_keeps_a_node_and_its_relationship_apart),
        cmocka_unit_test(an_end_of_those_that_travel_does_not_travel_itself),
        cmocka_unit_test(names_go_both_ways_and_others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
