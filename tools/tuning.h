/* The tuner on the command line: its option, and what it says while it works. */
#ifndef POSENET_TOOLS_TUNING_H
#define POSENET_TOOLS_TUNING_H

#include "tools/options.h"

option option_tune(posenet_settings *settings);

/* The tuner's progress goes to the progress line; with `verbose`, every way that it tries and every
 * decision is a line on stderr. */
void show_tuning(posenet_settings *settings, int verbose);

/* How a row and its way are shown: "conv_cudnn", "conv_cudnn way 12". */
void row_text(const char *row, int variant, char *text, size_t bytes);

#endif
