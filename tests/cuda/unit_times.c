/* What the units of ResNet50's first block take by each CUDA row that computes them whole, and by
 * each of its ways: microseconds a call within a graph of calls, fp16.
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

static status append_unit(problem *p, int x, int projected)
{
    int shortcut = x, y;
    conv_params projection = window(1, OUTER);
    projection.act.kind = ACTIVATION_NONE;
    if (projected) TRY(problem_conv(p, x, projection, 1, PROBLEM_NO_TENSOR, &shortcut));
    TRY(problem_conv(p, x, window(1, MIDDLE), 1, PROBLEM_NO_TENSOR, &y));
    TRY(problem_conv(p, y, window(3, MIDDLE), 1, PROBLEM_NO_TENSOR, &y));
    return problem_conv(p, y, window(1, OUTER), 1, shortcut, &y);
}

/* Plain units are fed by one another, as in the network; projected ones all read one input. */
static status build(int width, int height, int batch, int projected, chain *c)
{
    TRY(problem_new(1, TYPE_FP16, &c->p));
    int x = problem_tensor(c->p, batch, (height - 1) / ABOVE + 1, (width - 1) / ABOVE + 1,
                           projected ? MIDDLE : OUTER, FILL_UNIT);
    for (int i = 0; i < CALLS; i++) {
        TRY(append_unit(c->p, x, projected));
        if (!projected) x = c->p->net.steps[c->p->net.step_count - 1].output;
    }
    c->calls = CALLS;
    c->steps = projected ? 4 : 3;
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
    for (int projected = 0; projected < 2; projected++) {
        chain c = {0};
        double best = INFINITY;
        status done = build(width, height, batch, projected, &c);
        printf("%s unit, %dx%d, batch %d\n", projected ? "projected" : "plain", width, height,
               batch);
        if (done == STATUS_OK)
            (void)chain_time_rows(&c, rows, 0, c.steps, &best);
        else
            printf("  %s\n", fail_text());
        chain_close(&c);
    }
    return 0;
}
