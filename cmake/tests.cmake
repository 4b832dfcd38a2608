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

function(heddle_unit_tests room)
    file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${room}/test_*.c)
    add_custom_target(check_${room})
    foreach(source ${tests})
        get_filename_component(stem ${source} NAME_WE)
        string(REPLACE "test_" "" stem ${stem})
        set(program unit_${room}_${stem})
        add_executable(${program} ${source})
        target_compile_definitions(${program} PRIVATE HEDDLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
        target_link_libraries(${program} PRIVATE test_support room_${room} PkgConfig::CMOCKA)
        add_test(NAME unit.${room}.${stem} COMMAND ${program} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        # 77 = skipped, with the reason printed.
        set_tests_properties(unit.${room}.${stem} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 LABELS unit)
        add_dependencies(check_${room} ${program})
    endforeach()
endfunction()

foreach(room base net column spec model schedule bolt duck source sink run cli)
    heddle_unit_tests(${room})
endforeach()
