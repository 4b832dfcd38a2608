/* heddle/version.h: the version of the library, and the rule by which it changes.
 *
 * Semantic versioning. The SONAME is libheddle.so.MAJOR; while MAJOR is 0 it also carries MINOR (libheddle.so.0.1),
 * because a minor release may then still change the ABI. Within one SONAME functions and enum values are only added.
 */
#ifndef HEDDLE_VERSION_H
#define HEDDLE_VERSION_H

#include <heddle/error.h>

#define HEDDLE_VERSION_MAJOR 0
#define HEDDLE_VERSION_MINOR 1
#define HEDDLE_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/* "MAJOR.MINOR.PATCH" of the library that runs (the macros tell the one compiled against). Static memory. Any thread. */
HEDDLE_API const char *heddle_version(void);

#ifdef __cplusplus
}
#endif
#endif
