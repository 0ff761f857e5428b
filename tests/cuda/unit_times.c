/* What the units of ResNet50's first block, and the end of one with the beginning of the next, take
 * by each CUDA row that computes them whole, and by each of its ways: microseconds a call within a
 * graph of calls, fp16.
 *
 *   unit_times [WIDTHxHEIGHT[xBATCH] [ROWS]]
 *
 * Of pictures of that size (257x257x1); only rows whose names contain this text. A row's line has
 * its best ways, "way:microseconds", best first. */
#include <math.h>
#include <stdio.h>

#include "chain.h"
#include "tests/kernel_check/device.h"

enum { CALLS = 8, MIDDLE = 64, OUTER = 256, ABOVE = 4 };

static conv_params window(int side, int outs)
{
    return (conv_params){.groups = 1,
                         .kernel = {side, side},
                         .stride = {1, 1},
                         .dilation = {1, 1},
                         .pads = {side / 2, side / 2, side / 2, side / 2},
                         .out_channels = outs,
                         .act = {ACTIVATION_CLAMP, 0, INFINITY}};
}

/* Which steps: all of a unit; also the shortcut's projection; from the 3x3 to the next unit's 1x1,
 * with the pooling that thins out between them. */
typedef enum kind { PLAIN, PROJECTED, NEXT, KINDS } kind;

static const char *const kind_names[] = {"plain unit", "projected unit", "end and next"};

static status append_unit(problem *p, int x, int residual, kind k)
{
    int shortcut = residual, y = x;
    conv_params projection = window(1, OUTER);
    projection.act.kind = ACTIVATION_NONE;
    if (k == PROJECTED) TRY(problem_conv(p, x, projection, 1, PROBLEM_NO_TENSOR, &shortcut));
    if (k != NEXT) TRY(problem_conv(p, x, window(1, MIDDLE), 1, PROBLEM_NO_TENSOR, &y));
    TRY(problem_conv(p, y, window(3, MIDDLE), 1, PROBLEM_NO_TENSOR, &y));
    TRY(problem_conv(p, y, window(1, OUTER), 1, shortcut, &y));
    if (k != NEXT) return STATUS_OK;
    problem_thinning(p, y, (const int[2]){2, 2});
    return problem_conv(p, y, window(1, MIDDLE), 1, PROBLEM_NO_TENSOR, &y);
}

/* Plain units are fed by one another, as in the network; the others all read the same. */
static status build(int width, int height, int batch, kind k, chain *c)
{
    static const int steps[] = {3, 4, 4};
    int across = (width - 1) / ABOVE + 1, down = (height - 1) / ABOVE + 1;
    TRY(problem_new(1, TYPE_FP16, &c->p));
    int x = problem_tensor(c->p, batch, down, across, k == PLAIN ? OUTER : MIDDLE, FILL_UNIT);
    int residual = k == NEXT ? problem_tensor(c->p, batch, down, across, OUTER, FILL_UNIT) : x;
    for (int i = 0; i < CALLS; i++) {
        TRY(append_unit(c->p, x, residual, k));
        if (k == PLAIN) x = residual = c->p->net.steps[c->p->net.step_count - 1].output;
    }
    c->calls = CALLS;
    c->steps = steps[k];
    return chain_open(c);
}

int main(int argc, char **argv)
{
    const char *rows = argc > 2 ? argv[2] : NULL;
    int width = 257, height = 257, batch = 1;
    if (argc > 1 && sscanf(argv[1], "%dx%dx%d", &width, &height, &batch) < 2) return 2;
    if (device_cuda()->missing) {
        printf("skipped: %s\n", device_cuda()->missing);
        return 77;
    }
    for (kind k = 0; k < KINDS; k++) {
        chain c = {0};
        double best = INFINITY;
        status done = build(width, height, batch, k, &c);
        printf("%s, %dx%d, batch %d\n", kind_names[k], width, height, batch);
        if (done == STATUS_OK)
            (void)chain_time_rows(&c, rows, 0, c.steps, &best);
        else
            printf("  %s\n", fail_text());
        chain_close(&c);
    }
    return 0;
}
