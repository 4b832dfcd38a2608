# JSON lines are parsed by jansson; .gz is read by zlib.
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
target_link_libraries(room_source PUBLIC PkgConfig::JANSSON PkgConfig::ZLIB)
