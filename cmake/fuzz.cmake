# Fuzzing. A target is tests/fuzz/NAME/fuzz_STEM.c with libFuzzer's entry point and a folder tests/fuzz/NAME/corpus/.
#
# Preset fuzz (clang): each becomes the program build/fuzz/bin/fuzz_STEM, to be run as
#     build/fuzz/bin/fuzz_STEM -max_total_time=60 build/fuzz/corpus/STEM tests/fuzz/NAME/corpus
# Other builds: heddle_fuzz_regressions() makes the same source a test that runs every file of the corpus once, so that what
# a fuzzer once found stays found, on every compiler and under every sanitizer.
include_guard(GLOBAL)

file(GLOB heddle_fuzz_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/*/fuzz_*.c)

# heddle_fuzz_program(SOURCE EXTRA…): the program of a target; sets fuzz_stem and fuzz_folder for the caller.
macro(heddle_fuzz_program source)
    get_filename_component(fuzz_stem ${source} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" fuzz_stem ${fuzz_stem})
    get_filename_component(fuzz_folder ${source} DIRECTORY)
    get_property(fuzz_rooms GLOBAL PROPERTY HEDDLE_ROOMS)
    list(REMOVE_ITEM fuzz_rooms room_cli)
    add_executable(fuzz_${fuzz_stem} ${source} ${ARGN})
    target_link_libraries(fuzz_${fuzz_stem} PRIVATE ${fuzz_rooms})
endmacro()

function(heddle_fuzz_regressions)
    foreach(source ${heddle_fuzz_sources})
        heddle_fuzz_program(${source} ${PROJECT_SOURCE_DIR}/tests/support/fuzz_main.c)
        add_test(NAME fuzz.${fuzz_stem} COMMAND fuzz_${fuzz_stem} ${fuzz_folder}/corpus WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        set_tests_properties(fuzz.${fuzz_stem} PROPERTIES TIMEOUT 600 LABELS fuzz)
    endforeach()
endfunction()

if(HEDDLE_FUZZ)
    # The rooms exist already, so they are told here to count which code an input reaches.
    get_property(heddle_fuzz_rooms GLOBAL PROPERTY HEDDLE_ROOMS)
    foreach(room ${heddle_fuzz_rooms})
        target_compile_options(${room} PRIVATE -fsanitize=fuzzer-no-link)
    endforeach()
    foreach(source ${heddle_fuzz_sources})
        heddle_fuzz_program(${source})
        target_compile_options(fuzz_${fuzz_stem} PRIVATE -fsanitize=fuzzer)
        target_link_options(fuzz_${fuzz_stem} PRIVATE -fsanitize=fuzzer)
        set_target_properties(fuzz_${fuzz_stem} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
        file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/corpus/${fuzz_stem})
    endforeach()
endif()
