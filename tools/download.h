/* One file over HTTP, HTTPS or from a folder, going on where an earlier attempt stopped. */
#ifndef POSENET_TOOLS_DOWNLOAD_H
#define POSENET_TOOLS_DOWNLOAD_H

#include "kernels/status.h"

/* Downloads `url` to `path`, which is there whole or not at all: what has come lies in `path`.part
 * until then, also after a failure, and is not fetched again unless the server's file has changed
 * since. A lost connection is tried again a
 * few times. `label` is what the progress line says. STATUS_FILE with a sentence that tells a
 * missing file, an unreachable server and a full disk apart. */
status download(const char *url, const char *path, const char *label) STATUS_MUST_CHECK;

/* A file:// URL of an absolute path, with what URLs do not take escaped, on the heap. */
status download_file_url(const char *path, char **out) STATUS_MUST_CHECK;

#endif
