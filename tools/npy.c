/* NumPy's .npy, version 1.0: magic, header length, a Python dict padded to 64 bytes, the data. */
#include "tools/npy.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tools/outputs.h"

enum { PREAMBLE = 10, ALIGNMENT = 64, HEADER_BYTES = 2 * ALIGNMENT };

/* What is lost, output_close will notice. */
static void write_floats(FILE *file, const float *data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &data[i], sizeof bits);
        unsigned char bytes[4] = {(unsigned char)bits, (unsigned char)(bits >> 8),
                                  (unsigned char)(bits >> 16), (unsigned char)(bits >> 24)};
        fwrite(bytes, 1, sizeof bytes, file);
    }
}

status npy_write(const char *path, const float *data, int height, int width, int channels)
{
    FILE *file;
    TRY(output_open(path, &file));
    char header[HEADER_BYTES + 1];
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)(HEADER_BYTES - PREAMBLE);
    header[9] = 0;
    int used = snprintf(header + PREAMBLE, sizeof header - PREAMBLE,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d), }", height,
                        width, channels);
    memset(header + PREAMBLE + used, ' ', (size_t)(HEADER_BYTES - PREAMBLE - used));
    header[HEADER_BYTES - 1] = '\n';
    fwrite(header, 1, HEADER_BYTES, file);
    write_floats(file, data, (size_t)height * width * channels);
    return output_close(file, path, STATUS_OK);
}
