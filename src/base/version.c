/* version.c: the running library's version. */
#include <heddle/version.h>

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

const char *heddle_version(void)
{
    return TEXT(HEDDLE_VERSION_MAJOR) "." TEXT(HEDDLE_VERSION_MINOR) "." TEXT(HEDDLE_VERSION_PATCH);
}
