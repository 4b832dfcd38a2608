/* xml.h: just enough XML for the answers of stores: elements by name, in order, with their text.
 *
 * No documents are built and nothing recurses: a listing is walked from one element to the next. Attributes, comments and
 * nesting of equal names do not occur in these answers and are not understood.
 */
#ifndef HEDDLE_FS_XML_H
#define HEDDLE_FS_XML_H

#include <stdbool.h>
#include <stddef.h>

struct heddle_xml_text {
    const char *at;
    size_t length;
};

/* The inside of the first element called `name`; *text then goes on behind it. False where there is none. */
bool heddle_xml_next(struct heddle_xml_text *text, const char *name, struct heddle_xml_text *inside);

/* The text of the first element called `name`, entities resolved, as a string of less than `size` bytes. False where there is
 * none, or it does not fit. */
bool heddle_xml_value(const struct heddle_xml_text *text, const char *name, char *out, size_t size);

#endif
