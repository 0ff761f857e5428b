/* Any bytes as a picture: read, or refused with one sentence. */
#include <stdlib.h>

#include "tools/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    image picture;
    if (image_decode(bytes, size, "fuzz", &picture) != STATUS_OK) {
        if (!*fail_text() || picture.pixels) abort();
        return 0;
    }
    volatile uint8_t last = picture.pixels[(size_t)picture.width * picture.height * 3 - 1];
    (void)last;
    image_free(&picture);
    return 0;
}
