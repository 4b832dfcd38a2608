# Parameters and results of the public API travel as JSON.
target_link_libraries(room_bolt PUBLIC PkgConfig::JANSSON)
