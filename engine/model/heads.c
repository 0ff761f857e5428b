#include "engine/model/heads.h"

#include <ctype.h>
#include <string.h>

static const char *const head_words[DECODE_HEADS] = {"heatmap", "offset", "forward displacement",
                                                     "backward displacement"};
static const char *const head_patterns[DECODE_HEADS] = {"heatmap", "offset", "displacement_fwd",
                                                        "displacement_bwd"};
/* BodyPix has more maps of this kind. */
static const char *const other_patterns[] = {"part_", "long_offset"};
enum { OTHER_PATTERNS = sizeof other_patterns / sizeof *other_patterns };

/* `pattern` is lower case. */
static int contains(const char *name, const char *pattern)
{
    size_t length = strlen(pattern);
    for (; *name; name++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)name[i]) == pattern[i]) i++;
        if (i == length) return 1;
    }
    return 0;
}

static int is_other_map(const char *name)
{
    for (int i = 0; i < OTHER_PATTERNS; i++)
        if (contains(name, other_patterns[i])) return 1;
    return 0;
}

static int named_like(const char *name, int head)
{
    return contains(name, head_patterns[head]) && !is_other_map(name);
}

static int named_like_any(const char *name)
{
    for (int head = 0; head < DECODE_HEADS; head++)
        if (named_like(name, head)) return 1;
    return is_other_map(name);
}

static int fits(const head_candidate *output, int head)
{
    return !output->channels || output->channels == decode_channels[head];
}

/* Head `head` where the caller named it. */
static status find_wanted(const char *source, const head_candidate *outputs, int count, int head,
                          const char *name, int *found)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(outputs[i].name, name)) continue;
        if (outputs[i].channels == HEAD_NO_MAP)
            return fail(STATUS_MODEL, "%s: output \"%s\" is no map of cells: it cannot be the %s",
                        source, name, head_words[head]);
        if (!fits(&outputs[i], head))
            return fail(STATUS_MODEL, "%s: output \"%s\" has %d channels, the %s has %d", source,
                        name, outputs[i].channels, head_words[head], decode_channels[head]);
        *found = i;
        return STATUS_OK;
    }
    return fail(STATUS_MODEL, "%s: no output is named \"%s\", asked for as the %s", source, name,
                head_words[head]);
}

/* Head `head` where exactly one output's name says so. */
static status find_named(const char *source, const head_candidate *outputs, int count, int head,
                         int *found)
{
    for (int i = 0; i < count; i++) {
        if (!named_like(outputs[i].name, head) || !fits(&outputs[i], head)) continue;
        if (*found >= 0)
            return fail(STATUS_MODEL,
                        "%s: outputs \"%s\" and \"%s\" both look like the %s: say which one is "
                        "(settings.heads, --heads)",
                        source, outputs[*found].name, outputs[i].name, head_words[head]);
        *found = i;
    }
    return STATUS_OK;
}

static int taken(const int found[DECODE_HEADS], int output)
{
    for (int head = 0; head < DECODE_HEADS; head++)
        if (found[head] == output) return 1;
    return 0;
}

/* Head `head` by its channels, among the outputs whose names say nothing. */
static status find_by_channels(const char *source, const head_candidate *outputs, int count,
                               int head, const int known[DECODE_HEADS], int *found)
{
    for (int i = 0; i < count; i++) {
        if (outputs[i].channels != decode_channels[head] || taken(known, i)) continue;
        if (named_like_any(outputs[i].name)) continue;
        if (*found >= 0)
            return fail(STATUS_MODEL,
                        "%s: outputs \"%s\" and \"%s\" both have %d channels and names that do not "
                        "tell which is the %s: say which one is (settings.heads, --heads)",
                        source, outputs[*found].name, outputs[i].name, decode_channels[head],
                        head_words[head]);
        *found = i;
    }
    if (*found < 0)
        return fail(STATUS_MODEL, "%s: no output is the %s (%d channels, named like \"%s\")",
                    source, head_words[head], decode_channels[head], head_patterns[head]);
    return STATUS_OK;
}

status heads_find(const char *source, const head_candidate *outputs, int count,
                  const char *const wanted[DECODE_HEADS], int found[DECODE_HEADS])
{
    int named[DECODE_HEADS];
    for (int head = 0; head < DECODE_HEADS; head++) {
        named[head] = -1;
        if (wanted && wanted[head])
            TRY(find_wanted(source, outputs, count, head, wanted[head], &named[head]));
        else
            TRY(find_named(source, outputs, count, head, &named[head]));
    }
    for (int head = 0; head < DECODE_HEADS; head++) {
        found[head] = named[head];
        if (found[head] < 0)
            TRY(find_by_channels(source, outputs, count, head, named, &found[head]));
    }
    return STATUS_OK;
}

void heads_worth_lowering(const head_candidate *outputs, int count,
                          const char *const wanted[DECODE_HEADS], int *keep)
{
    int heads_named = 0;
    for (int i = 0; i < count; i++) keep[i] = 0;
    for (int head = 0; head < DECODE_HEADS; head++) {
        int any = 0;
        for (int i = 0; i < count; i++) {
            const char *name = outputs[i].name;
            int match =
                wanted && wanted[head] ? !strcmp(name, wanted[head]) : named_like(name, head);
            keep[i] |= match;
            any |= match;
        }
        heads_named += any;
    }
    for (int i = 0; i < count && heads_named < DECODE_HEADS; i++) keep[i] = 1;
}

int heads_stride(int side, int cells)
{
    if (cells < 2 || side < cells) return 0; /* one cell fits any stride */
    for (int stride = 1; stride <= 64; stride *= 2)
        if ((side + stride - 1) / stride == cells) return stride;
    return (side - 1) % (cells - 1) == 0 ? (side - 1) / (cells - 1) : 0;
}

int heads_has_sigmoid(const network *net, int number)
{
    for (int i = net->step_count - 1; i >= 0; i--) {
        const step *s = &net->steps[i];
        if (s->output != number) continue;
        const activation *act = step_activation(s);
        if (act) return act->kind == ACTIVATION_SIGMOID;
        if (s->op != OP_PERMUTE && s->op != OP_COPY && s->op != OP_SLICE) return 0;
        number = s->inputs[0];
    }
    return 0;
}
