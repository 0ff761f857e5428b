/* A subcommand's options: one table that is parsed by and printed as --help.
 *
 *   const char *json = NULL;
 *   const option options[] = {{"--json", "FILE|-", "write JSON there", take_text, &json, 0, 0}};
 *   const usage use = {"inspect", "MODEL", "Shows ...", options, 1, NULL};
 *   int count = 0;
 *   exit_status bad = EXIT_BAD;
 *   if (!options_parse(&use, argc, argv, &count, &bad)) return bad;
 *   ... argv[0..count) are the arguments that are no options ...
 *
 * `--name value` and `--name=value` both work, anywhere among the arguments; after `--` everything
 * is an argument; of an option given twice the last counts.
 */
#ifndef POSENET_TOOLS_OPTIONS_H
#define POSENET_TOOLS_OPTIONS_H

#include "engine/posenet.h"
#include "tools/command.h"

enum { HEAD_NAMES_BYTES = 1024 };

typedef struct option option;

struct option {
    const char *name;  /* "--size" */
    const char *value; /* how help calls its value, "WxH"; NULL: a flag */
    const char *help;  /* lines are broken by '\n' */
    /* Puts the value (NULL for a flag) where `target` points; fails saying what it should be. */
    status (*take)(const option *o, const char *value);
    void *target;
    double low, high; /* take_whole, take_real: bounds, both allowed */
};

typedef struct usage {
    const char *command;   /* "run" */
    const char *arguments; /* "[options] IMAGE..." */
    const char *purpose;   /* what help says below that */
    const option *options; /* --help and --quiet's like are all listed; --help itself is not */
    int option_count;
    const char *closing; /* what help says at its end; NULL: nothing */
} usage;

/* 1: go on, argv[0..*count) are the arguments. 0: return *leave, all is said (a complaint, or
 * help).
 */
int options_parse(const usage *use, int argc, char **argv, int *count, exit_status *leave);

/* ---- values: target is ... ------------------------------------------------------------------- */

status take_flag(const option *o, const char *value);      /* int, becomes 1 */
status take_text(const option *o, const char *value);      /* const char * */
status take_whole(const option *o, const char *value);     /* int, low..high */
status take_real(const option *o, const char *value);      /* float, low..high */
status take_positive(const option *o, const char *value);  /* float, above 0 */
status take_size(const option *o, const char *value);      /* posenet_settings: width, height */
status take_device(const option *o, const char *value);    /* posenet_settings */
status take_precision(const option *o, const char *value); /* posenet_settings */
status take_normalize(const option *o, const char *value); /* posenet_settings */
status take_heads(const option *o, const char *value);     /* heads_option */

/* The index of the value among `names`, an enum's by its numbers (NULL: has none); else fails. */
status take_choice(const option *o, const char *value, const char *const *names, int count,
                   int *index);

/* What --heads calls each head. */
extern const char *const head_keys[POSENET_HEADS];

/* Where the parts of --heads are kept: settings.heads points into the text. */
typedef struct heads_option {
    posenet_settings *settings;
    char text[HEAD_NAMES_BYTES];
} heads_option;

/* Options that several commands have, so that all say the same. */
option option_device(posenet_settings *settings);
option option_precision(posenet_settings *settings);
option option_size(posenet_settings *settings);
option option_normalize(posenet_settings *settings);
option option_heads(heads_option *names, posenet_settings *settings);
option option_json(const char **path);

/* Says on stderr that --size became another size, if it did. */
void remark_size(const posenet_settings *asked, const posenet *engine);

#endif
