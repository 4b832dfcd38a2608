# What is installed: the shared library with the public API, the command, headers, pkg-config and CMake packages.
include(CMakePackageConfigHelpers)

set(HEDDLE_BIN_DIR ${PROJECT_BINARY_DIR}/bin)
set(HEDDLE_LIB_DIR ${PROJECT_BINARY_DIR}/lib)

# ---- libheddle.so: every room but the command's -------------------------------------------------------------------------

# The rooms' object files themselves, not their archives: a linker drops members of an archive that nothing asks for, and
# what the public API exports is asked for by nobody here.
get_property(heddle_library_rooms GLOBAL PROPERTY HEDDLE_ROOMS)
list(REMOVE_ITEM heddle_library_rooms room_cli)
set(heddle_library_objects)
foreach(room ${heddle_library_rooms})
    list(APPEND heddle_library_objects $<TARGET_OBJECTS:${room}>)
endforeach()
add_library(heddle SHARED ${heddle_library_objects})
# The rooms' own third-party libraries come along; their archives add nothing, since every symbol is there already.
target_link_libraries(heddle PRIVATE ${heddle_library_rooms})
target_include_directories(heddle INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# include/heddle/version.h has the rule: while the major version is 0 the minor one is part of the SONAME.
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(heddle_soversion ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
else()
    set(heddle_soversion ${PROJECT_VERSION_MAJOR})
endif()
set_target_properties(heddle PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${heddle_soversion}
    LIBRARY_OUTPUT_DIRECTORY ${HEDDLE_LIB_DIR} LINKER_LANGUAGE C)
target_link_options(heddle PRIVATE LINKER:-z,relro,-z,now)
if(NOT HEDDLE_SANITIZE)
    target_link_options(heddle PRIVATE LINKER:--no-undefined) # sanitizers leave their own symbols to the program
endif()

# ---- the command ----------------------------------------------------------------------------------------------------------

if(EXISTS ${PROJECT_SOURCE_DIR}/src/cli/main.c)
    add_executable(heddle_command ${PROJECT_SOURCE_DIR}/src/cli/main.c)
    target_link_libraries(heddle_command PRIVATE room_cli)
    set_target_properties(heddle_command PROPERTIES OUTPUT_NAME heddle RUNTIME_OUTPUT_DIRECTORY ${HEDDLE_BIN_DIR})
    target_link_options(heddle_command PRIVATE LINKER:-z,relro,-z,now)
    install(TARGETS heddle_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# ---- examples and comparisons ---------------------------------------------------------------------------------------------

if(HEDDLE_TESTS)
    # An example sees what a user sees: the public headers and the shared library.
    file(GLOB heddle_examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.c)
    foreach(source ${heddle_examples})
        get_filename_component(stem ${source} NAME_WE)
        add_executable(example_${stem} ${source})
        target_link_libraries(example_${stem} PRIVATE heddle)
        set_target_properties(example_${stem} PROPERTIES OUTPUT_NAME ${stem}
            RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
    endforeach()
    # A comparison in C measures rooms from inside; scripts/bench runs it.
    file(GLOB heddle_benches CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.c)
    foreach(source ${heddle_benches})
        get_filename_component(stem ${source} NAME_WE)
        add_executable(bench_${stem} ${source})
        target_link_libraries(bench_${stem} PRIVATE ${heddle_library_rooms})
        set_target_properties(bench_${stem} PROPERTIES OUTPUT_NAME ${stem} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
    endforeach()
endif()

# ---- installation ---------------------------------------------------------------------------------------------------------

install(TARGETS heddle EXPORT heddle LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/heddle DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The prefix is named relative to the file, so that an installed tree can be moved, or installed elsewhere than configured.
file(RELATIVE_PATH heddle_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/packaging/heddle.pc.in ${PROJECT_BINARY_DIR}/heddle.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/heddle.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(heddle_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/heddle)
install(EXPORT heddle NAMESPACE heddle:: FILE heddleTargets.cmake DESTINATION ${heddle_package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/packaging/heddleConfig.cmake.in ${PROJECT_BINARY_DIR}/heddleConfig.cmake
    INSTALL_DESTINATION ${heddle_package_dir})
# While the major version is 0 a minor release may change the ABI, so only the same minor version will do.
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(heddle_compatibility SameMinorVersion)
else()
    set(heddle_compatibility SameMajorVersion)
endif()
write_basic_package_version_file(${PROJECT_BINARY_DIR}/heddleConfigVersion.cmake COMPATIBILITY ${heddle_compatibility})
install(FILES ${PROJECT_BINARY_DIR}/heddleConfig.cmake ${PROJECT_BINARY_DIR}/heddleConfigVersion.cmake
    DESTINATION ${heddle_package_dir})

# What scripts/bootstrap fetched goes along, where it is there: libduckdb in a folder of its own, so that it never meets
# another program's, and the weights. The command and the library look for both beside themselves.
install(FILES ${PROJECT_SOURCE_DIR}/build/deps/duckdb/libduckdb.so DESTINATION lib/heddle OPTIONAL)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/build/deps/models DESTINATION ${CMAKE_INSTALL_DATADIR}/heddle OPTIONAL
    PATTERN .stamp EXCLUDE PATTERN .gitattributes EXCLUDE)

# ---- tests of the products and of the scripts -------------------------------------------------------------------------------

# heddle_script_test(NAME COMMAND…): a program whose exit code is the verdict; 77 = skipped, with the reason printed.
function(heddle_script_test name)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 LABELS frame)
endfunction()

# Once is enough: the sanitizers have nothing to say about scripts, and change what a library exports.
if(HEDDLE_TESTS AND NOT HEDDLE_SANITIZE AND NOT HEDDLE_COVERAGE)
    foreach(check layers budgets banned format scripts)
        heddle_script_test(frame.check.${check} scripts/check-${check})
    endforeach()
    foreach(script checks bootstrap neo4j)
        heddle_script_test(frame.scripts.${script} tests/scripts/test-${script})
    endforeach()
    heddle_script_test(frame.product.symbols tests/scripts/test-symbols $<TARGET_FILE:heddle> include/heddle)
    heddle_script_test(frame.product.install tests/scripts/test-install ${PROJECT_BINARY_DIR})
endif()
