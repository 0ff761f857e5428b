/* --tune, and the tuner's words. */
#include "tools/tuning.h"

#include <stdio.h>

static status take_tune(const option *o, const char *value)
{
    static const char *const names[] = {[POSENET_TUNE_AUTO] = "auto",
                                        [POSENET_TUNE_OFF] = "off",
                                        [POSENET_TUNE_ON] = "on",
                                        [POSENET_TUNE_AGAIN] = "again"};
    int index;
    TRY(take_choice(o, value, names, 4, &index));
    ((posenet_settings *)o->target)->tune = (posenet_tune)index;
    return STATUS_OK;
}

option option_tune(posenet_settings *settings)
{
    return (option){.name = "--tune",
                    .value = "auto|on|off|again",
                    .help = "choose implementations by timing them, once: the choice is\n"
                            "kept in $POSENET_CACHE, else ~/.cache/posenet (default auto:\n"
                            "on cuda; again: even if it was done before)",
                    .take = take_tune,
                    .target = settings};
}

static void say_progress(void *user, const char *text, int done, int total)
{
    (void)user;
    if (total) progress("tuning: %s, %d of %d", text, done, total);
}

static void say_all(void *user, const char *text, int done, int total)
{
    if (total)
        say_progress(user, text, done, total);
    else
        remark("%s", text);
}

void show_tuning(posenet_settings *settings, int verbose)
{
    settings->tune_report = verbose ? say_all : say_progress;
}

void row_text(const char *row, int variant, char *text, size_t bytes)
{
    if (variant)
        snprintf(text, bytes, "%s way %d", row, variant);
    else
        snprintf(text, bytes, "%s", row);
}
