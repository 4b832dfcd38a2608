# Warnings are errors in the dev preset; elsewhere a newer compiler must not break a user's build.
option(HEDDLE_WERROR "treat warnings as errors" OFF)
add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings
    -Wno-format-truncation) # messages are cut to the caller's struct on purpose
if(HEDDLE_WERROR)
    add_compile_options(-Werror)
endif()
add_compile_definitions(_GNU_SOURCE)
