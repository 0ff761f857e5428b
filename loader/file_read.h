/* Files into memory, with the sizes checked first. */
#ifndef POSENET_LOADER_FILE_READ_H
#define POSENET_LOADER_FILE_READ_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/status.h"

/* The size of a regular file. Anything else (missing, a folder, a pipe) is refused. */
status file_size(const char *path, int64_t *bytes) STATUS_MUST_CHECK;

/* The whole file in *bytes (release with free()), the old or the new one where it is replaced
 * meanwhile (file_write.h). Empty files and more than `most` bytes are refused. */
status file_read(const char *path, int64_t most, unsigned char **bytes,
                 size_t *size) STATUS_MUST_CHECK;

/* `size` bytes from `offset` on into `bytes`; a file that ends before is refused. */
status file_read_part(const char *path, int64_t offset, size_t size,
                      unsigned char *bytes) STATUS_MUST_CHECK;

#endif
