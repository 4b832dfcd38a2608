/* strip.h: Python's str.strip(), which sentence-transformers applies to every text. */
#ifndef HEDDLE_MODEL_STRIP_H
#define HEDDLE_MODEL_STRIP_H

#include <stddef.h>

/* Moves *text and *length inwards over white space as str.isspace() sees it. The text is well-formed UTF-8. */
void heddle_strip(const char **text, size_t *length);

#endif
