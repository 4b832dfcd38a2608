/* z85.h: bytes in ZeroMQ's base 85 (https://rfc.zeromq.org/spec/32/), in which a Delta log writes deletion vectors. */
#ifndef HEDDLE_SOURCE_DELTA_Z85_H
#define HEDDLE_SOURCE_DELTA_Z85_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes `length` characters (a multiple of 5) into length / 5 * 4 bytes at `out`. false where they are no Z85. */
bool heddle_delta_z85_decode(const char *text, size_t length, uint8_t *out);

#endif
