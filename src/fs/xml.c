/* xml.c: elements and entities. */
#include "fs/xml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The place of `needle` in the text, or NULL. */
static const char *find(const struct heddle_xml_text *text, const char *needle, size_t length)
{
    return text->length > 0 ? memmem(text->at, text->length, needle, length) : NULL;
}

bool heddle_xml_next(struct heddle_xml_text *text, const char *name, struct heddle_xml_text *inside)
{
    char tag[64];
    const size_t length = strlen(name);
    const char *end_of_all = text->at + text->length;
    if (length + 3 > sizeof tag) {
        return false;
    }
    tag[0] = '<';
    memcpy(tag + 1, name, length);
    tag[length + 1] = '>';
    const char *begin = find(text, tag, length + 2);
    if (begin == NULL) {
        return false;
    }
    begin += length + 2;
    const struct heddle_xml_text rest = {begin, (size_t)(end_of_all - begin)};
    tag[1] = '/';
    memcpy(tag + 2, name, length);
    tag[length + 2] = '>';
    const char *end = find(&rest, tag, length + 3);
    if (end == NULL) {
        return false;
    }
    *inside = (struct heddle_xml_text){begin, (size_t)(end - begin)};
    end += length + 3;
    *text = (struct heddle_xml_text){end, (size_t)(end_of_all - end)};
    return true;
}

/* A code point as UTF-8; answers how many bytes. */
static size_t utf8_write(unsigned long point, char out[static 4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 63));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 63));
        out[2] = (char)(0x80 | (point & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 63));
    out[2] = (char)(0x80 | (point >> 6 & 63));
    out[3] = (char)(0x80 | (point & 63));
    return 4;
}

/* Resolves the entity at `text` ("&amp;"): bytes written, and *used; 0 where it is none. */
static size_t entity_read(const char *text, size_t length, size_t *used, char out[static 4])
{
    static const struct {
        const char *name;
        char byte;
    } named[] = {{"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'}, {"quot;", '"'}, {"apos;", '\''}};
    char number[12];
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        const size_t name = strlen(named[i].name);
        if (length > name && memcmp(text + 1, named[i].name, name) == 0) {
            out[0] = named[i].byte;
            *used = name + 1;
            return 1;
        }
    }
    const char *end = memchr(text, ';', length < sizeof number ? length : sizeof number);
    if (length < 4 || text[1] != '#' || end == NULL || end - text < 3) {
        return 0;
    }
    const bool hex = text[2] == 'x';
    const size_t digits = (size_t)(end - text) - (hex ? 3 : 2);
    memcpy(number, text + (hex ? 3 : 2), digits);
    number[digits] = '\0';
    char *stop = NULL;
    const unsigned long point = strtoul(number, &stop, hex ? 16 : 10);
    if (digits == 0 || *stop != '\0' || point == 0 || point > 0x10ffff) {
        return 0;
    }
    *used = (size_t)(end - text) + 1;
    return utf8_write(point, out);
}

bool heddle_xml_value(const struct heddle_xml_text *text, const char *name, char *out, size_t size)
{
    struct heddle_xml_text rest = *text;
    struct heddle_xml_text inside;
    size_t length = 0;
    out[0] = '\0';
    if (!heddle_xml_next(&rest, name, &inside)) {
        return false;
    }
    for (size_t i = 0; i < inside.length;) {
        char bytes[4] = {inside.at[i]};
        size_t used = 1;
        size_t written = 1;
        if (inside.at[i] == '&') {
            written = entity_read(inside.at + i, inside.length - i, &used, bytes);
        }
        if (written == 0 || length + written >= size) {
            out[0] = '\0';
            return false;
        }
        memcpy(out + length, bytes, written);
        length += written;
        i += used;
    }
    out[length] = '\0';
    return true;
}
