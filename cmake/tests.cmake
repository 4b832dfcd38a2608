# Every tests/unit/ROOM/**/test_*.c is one program and one ctest named unit.ROOM.NAME, linked to its room (the room's own
# dependencies come along) and to tests/support. `check_ROOM` builds all tests of a room.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

file(GLOB support_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*.c)
if(NOT support_sources)
    file(WRITE ${PROJECT_BINARY_DIR}/empty_support.c "typedef int heddle_support_has_no_sources_yet;\n")
    set(support_sources ${PROJECT_BINARY_DIR}/empty_support.c)
endif()
add_library(test_support STATIC ${support_sources})
target_include_directories(test_support PUBLIC ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(test_support PUBLIC room_base PkgConfig::CMOCKA)

# tests/support/modules/NAME.c: a library that a test loads at run time, build/PRESET/modules/NAME.so.
file(GLOB heddle_modules CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/modules/*.c)
add_custom_target(test_modules)
foreach(source ${heddle_modules})
    get_filename_component(stem ${source} NAME_WE)
    add_library(module_${stem} MODULE ${source})
    set_target_properties(module_${stem} PROPERTIES PREFIX "" OUTPUT_NAME ${stem}
        LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/modules)
    add_dependencies(test_modules module_${stem})
endforeach()

function(heddle_unit_tests room)
    file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${room}/test_*.c)
    add_custom_target(check_${room})
    foreach(source ${tests})
        get_filename_component(stem ${source} NAME_WE)
        string(REPLACE "test_" "" stem ${stem})
        set(program unit_${room}_${stem})
        add_executable(${program} ${source})
        target_compile_definitions(${program} PRIVATE HEDDLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
            HEDDLE_MODULES_DIR="${PROJECT_BINARY_DIR}/modules")
        add_dependencies(${program} test_modules)
        target_link_libraries(${program} PRIVATE test_support room_${room} PkgConfig::CMOCKA)
        # Programs called live need a server: they are registered below, beside one.
        if(NOT stem MATCHES "_live")
            add_test(NAME unit.${room}.${stem} COMMAND ${program} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
            # 77 = skipped, with the reason printed.
            set_tests_properties(unit.${room}.${stem} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 LABELS unit)
        endif()
        add_dependencies(check_${room} ${program})
    endforeach()
endfunction()

foreach(room base net fs cloud column spec model schedule bolt duck source sink run report cli)
    heddle_unit_tests(${room})
endforeach()

include(cmake/fuzz.cmake)
heddle_fuzz_regressions()

# The drivers' acceptance suite drives the public API through this program (tests/testkit/README.md). Not a test by itself.
file(GLOB testkit_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/testkit/*.c)
add_executable(testkit_backend ${testkit_sources})
target_link_libraries(testkit_backend PRIVATE heddle PkgConfig::JANSSON Threads::Threads)
set_target_properties(testkit_backend PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/testkit)

# A proxy that delays and cuts, for tests/fault and bench/bolt.
file(GLOB fault_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fault/*.c)
add_executable(fault_proxy ${fault_sources})
target_include_directories(fault_proxy PRIVATE ${PROJECT_SOURCE_DIR}/tests)
set_target_properties(fault_proxy PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fault)

# What a person types and sees: tests/cli/cases/NAME.case, and the job against real servers. Both run the command of this
# build.
find_package(Python3 COMPONENTS Interpreter)
if(TARGET heddle_command AND Python3_FOUND)
    file(GLOB cases CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cli/cases/*.case)
    foreach(case ${cases})
        get_filename_component(stem ${case} NAME_WE)
        add_test(NAME cli.${stem} COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/cli/run_cases.py
                                          $<TARGET_FILE:heddle_command> ${case})
        set_tests_properties(cli.${stem} PROPERTIES TIMEOUT 300 LABELS cli)
    endforeach()

    # Values of Bolt 6 through the TestKit backend, which the public suite's stub server does not know.
    add_test(NAME testkit.newer_types COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/testkit/test_newer_types.py
                                              $<TARGET_FILE:testkit_backend>)
    set_tests_properties(testkit.newer_types PROPERTIES TIMEOUT 120 LABELS unit)

    add_test(NAME golden.delta COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/golden/delta/compare_golden.py
                                       $<TARGET_FILE:heddle_command>)
    add_test(NAME golden.delta_tables COMMAND ${Python3_EXECUTABLE}
             ${PROJECT_SOURCE_DIR}/tests/golden/delta/compare_tables.py $<TARGET_FILE:heddle_command>)
    add_test(NAME golden.delta_generated COMMAND ${Python3_EXECUTABLE}
             ${PROJECT_SOURCE_DIR}/tests/golden/delta/compare_generated.py $<TARGET_FILE:heddle_command>)
    set_tests_properties(golden.delta golden.delta_tables golden.delta_generated PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 LABELS golden)

    # kill -9 at every step of loads that create. The library that kills is loaded before all others, which sanitizers do not
    # like: only the release stage runs these.
    set(crash ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/fault/crash/test_crash.py $<TARGET_FILE:heddle_command>
              $<TARGET_FILE:module_crash_point>)
    add_test(NAME fault.crash COMMAND ${crash} duckdb:${PROJECT_SOURCE_DIR}/build/deps/duckdb/libduckdb.so --kills 8)
    set_tests_properties(fault.crash PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900 LABELS integration)

    # Tables in object stores, from emulators that others wrote, and signatures compared with botocore's.
    foreach(store s3 azure google signatures)
        add_test(NAME stores.${store} COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/stores/test_stores.py
                                              $<TARGET_FILE:heddle_command> ${store})
        set_tests_properties(stores.${store} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 LABELS integration)
    endforeach()

    # A fresh server of each version for the tests that need one; they say why they are skipped where none can be had.
    foreach(version 5.26.30 2026.08.1)
        string(REGEX MATCH "^[0-9]+" major ${version})
        set(name test-${major})
        set(env_file ${PROJECT_SOURCE_DIR}/build/neo4j/${name}/env)
        set(server ${PROJECT_SOURCE_DIR}/tests/integration/server)
        add_test(NAME neo4j.${major}.start COMMAND ${server} start ${name} ${version})
        add_test(NAME neo4j.${major}.stop COMMAND ${server} stop ${name} ${version})
        set_tests_properties(neo4j.${major}.start PROPERTIES FIXTURES_SETUP neo4j_${major} TIMEOUT 180
                                                             SKIP_RETURN_CODE 77 LABELS integration)
        set_tests_properties(neo4j.${major}.stop PROPERTIES FIXTURES_CLEANUP neo4j_${major} TIMEOUT 60 LABELS integration)
        file(GLOB integration CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/integration/test_*.py)
        foreach(test ${integration})
            get_filename_component(stem ${test} NAME_WE)
            string(REPLACE "test_" "" stem ${stem})
            add_test(NAME integration.${major}.${stem}
                     COMMAND ${Python3_EXECUTABLE} ${test} $<TARGET_FILE:heddle_command> ${env_file})
            set_tests_properties(integration.${major}.${stem}
                                 PROPERTIES FIXTURES_REQUIRED neo4j_${major} TIMEOUT 900 SKIP_RETURN_CODE 77
                                            RESOURCE_LOCK neo4j_${major} LABELS integration)
        endforeach()
        add_test(NAME integration.${major}.faults
                 COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/fault/test_faults.py
                         $<TARGET_FILE:heddle_command> $<TARGET_FILE:fault_proxy> ${env_file})
        set_tests_properties(integration.${major}.faults
                             PROPERTIES FIXTURES_REQUIRED neo4j_${major} TIMEOUT 900 SKIP_RETURN_CODE 77
                                        RESOURCE_LOCK "neo4j_${major};neo4j_faults" LABELS integration)
        # The crash tests stop and kill their server, so they have one of their own. A server that comes back from the dead needs
        # the machine: no two of the tests that kill run beside each other.
        add_test(NAME neo4j.${major}.crash_start COMMAND ${server} start crash-${major} ${version})
        add_test(NAME neo4j.${major}.crash_stop COMMAND ${server} stop crash-${major} ${version})
        set_tests_properties(neo4j.${major}.crash_start PROPERTIES FIXTURES_SETUP neo4j_crash_${major} TIMEOUT 180
                                                                   SKIP_RETURN_CODE 77 LABELS integration)
        set_tests_properties(neo4j.${major}.crash_stop PROPERTIES FIXTURES_CLEANUP neo4j_crash_${major} TIMEOUT 60
                                                                  LABELS integration)
        add_test(NAME integration.${major}.crash
                 COMMAND ${crash} ${PROJECT_SOURCE_DIR}/build/neo4j/crash-${major}/env --kills 12)
        set_tests_properties(integration.${major}.crash
                             PROPERTIES FIXTURES_REQUIRED neo4j_crash_${major} TIMEOUT 900 SKIP_RETURN_CODE 77
                                        RESOURCE_LOCK "neo4j_${major};neo4j_faults" LABELS integration)
        # Programs that take the server from the environment: the sink's live tests, and the example of the public API.
        foreach(program unit_sink_neo4j_live unit_sink_neo4j_live_trouble unit_sink_neo4j_live_roads
                        unit_sink_neo4j_live_resume unit_sink_neo4j_live_together example_neo4j_connection
                        example_driver)
            if(TARGET ${program})
                string(REGEX REPLACE "^(unit|example)_" "" stem ${program})
                add_test(NAME integration.${major}.${stem}
                         COMMAND ${PROJECT_SOURCE_DIR}/tests/integration/with_env ${env_file} $<TARGET_FILE:${program}>)
                set_tests_properties(integration.${major}.${stem}
                                     PROPERTIES FIXTURES_REQUIRED neo4j_${major} TIMEOUT 900 SKIP_RETURN_CODE 77
                                                RESOURCE_LOCK neo4j_${major} LABELS integration)
            endif()
        endforeach()
    endforeach()
endif()

if(Python3_FOUND)
    add_test(NAME docs.compatibility COMMAND ${PROJECT_SOURCE_DIR}/scripts/compatibility --check ${PROJECT_BINARY_DIR})
endif()

# The model room on arm64, in emulation; skipped with the reason where the cross compiler, qemu or libraries are missing.
add_test(NAME arm64.model COMMAND ${PROJECT_SOURCE_DIR}/scripts/test-arm64 --offline)
set_tests_properties(arm64.model PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 RUN_SERIAL ON LABELS unit)
