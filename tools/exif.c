/* The one thing that a picture's EXIF block is read for: which way up the camera was held. */
#include "tools/image.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12, UPRIGHT = 1 };

typedef struct block {
    const uint8_t *bytes;
    size_t size;
    int little_endian;
} block;

/* An unsigned number of 2 or 4 bytes; the caller has checked that it lies inside. */
static uint32_t number(const block *b, size_t at, int bytes)
{
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | b->bytes[at + (size_t)(b->little_endian ? bytes - 1 - i : i)];
    return value;
}

int exif_orientation(const uint8_t *bytes, size_t size)
{
    if (size < 10) return UPRIGHT;
    block b = {bytes, size, bytes[0] == 'I'};
    if (bytes[0] != bytes[1] || (bytes[0] != 'I' && bytes[0] != 'M')) return UPRIGHT;
    if (number(&b, 2, 2) != 42) return UPRIGHT;
    size_t directory = number(&b, 4, 4);
    if (directory > size - 2) return UPRIGHT;
    size_t entries = number(&b, directory, 2), room = (size - directory - 2) / ENTRY_BYTES;
    for (size_t i = 0; i < entries && i < room; i++) {
        size_t at = directory + 2 + i * ENTRY_BYTES;
        if (number(&b, at, 2) != TAG_ORIENTATION) continue;
        if (number(&b, at + 2, 2) != TYPE_SHORT || number(&b, at + 4, 4) != 1) return UPRIGHT;
        uint32_t value = number(&b, at + 8, 2);
        return value >= 1 && value <= 8 ? (int)value : UPRIGHT;
    }
    return UPRIGHT;
}
