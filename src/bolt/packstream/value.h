/* value.h: the decoded value, as the public header describes it; trees lie in the arena they were decoded into. */
#ifndef HEDDLE_BOLT_PACKSTREAM_VALUE_H
#define HEDDLE_BOLT_PACKSTREAM_VALUE_H

#include <heddle/value.h>

#endif
