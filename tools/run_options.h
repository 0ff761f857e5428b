/* What `posenet run` was asked to do. */
#ifndef POSENET_TOOLS_RUN_OPTIONS_H
#define POSENET_TOOLS_RUN_OPTIONS_H

#include "engine/posenet.h"
#include "tools/options.h"

typedef struct run_options {
    posenet_settings settings; /* model still NULL */
    posenet_decode_options decode;
    const char *model;     /* FILE|NAME, or NULL */
    const char *json;      /* a file, "-", or NULL */
    const char *annotate;  /* a file, or a folder; NULL: no */
    const char *heads_out; /* a folder, or NULL */
    heads_option head_names;
    int flip, profile, quiet;
    int image_count;
    char **images;
} run_options;

/* 1: `o` is filled and makes sense. 0: return *leave, all is said. */
int run_options_parse(int argc, char **argv, run_options *o, exit_status *leave);

#endif
