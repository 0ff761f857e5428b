/* Writes the built-in picture of `posenet validate`, 640 x 480, to stdout as a binary PPM. */
#include <stdio.h>

#include "tools/synthetic.h"

int main(void)
{
    image picture;
    if (synthetic_picture(&picture) != STATUS_OK) return 2;
    size_t count = (size_t)picture.width * (size_t)picture.height * IMAGE_CHANNELS;
    printf("P6\n%d %d\n255\n", picture.width, picture.height);
    size_t written = fwrite(picture.pixels, 1, count, stdout);
    image_free(&picture);
    return written == count && fflush(stdout) == 0 ? 0 : 2;
}
