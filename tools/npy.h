/* Tensors as NumPy reads them. */
#ifndef POSENET_TOOLS_NPY_H
#define POSENET_TOOLS_NPY_H

#include "kernels/status.h"

/* Writes height x width x channels floats, row-major, as a little-endian float32 array. */
status npy_write(const char *path, const float *data, int height, int width,
                 int channels) STATUS_MUST_CHECK;

#endif
