/* The convolutions of PoseNet's two backbones with random weights, timed as a network. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/median.h"
#include "timing.h"

static const activation none = {ACTIVATION_NONE, 0, 0}, relu = {ACTIVATION_CLAMP, 0, INFINITY},
                        relu6 = {ACTIVATION_CLAMP, 0, 6};

/* A square window with symmetric pads. */
static conv_params window(int kernel, int stride, int dilation, int groups, int outs,
                          activation act)
{
    int pad = (kernel - 1) * dilation / 2;
    return (conv_params){.groups = groups,
                         .kernel = {kernel, kernel},
                         .stride = {stride, stride},
                         .dilation = {dilation, dilation},
                         .pads = {pad, pad, pad, pad},
                         .out_channels = outs,
                         .act = act};
}

static status heads(problem *p, int x)
{
    static const int channels[] = {17, 34, 32, 32};
    int y;
    for (int i = 0; i < 4; i++)
        TRY(problem_conv(p, x, window(1, 1, 1, 1, channels[i], none), 1, PROBLEM_NO_TENSOR, &y));
    return STATUS_OK;
}

/* `percent`: the depth multiplier; `stride`: of the output, further strides become dilation. */
static status mobilenet(problem *p, int size, int percent, int stride)
{
    static const int channels[] = {64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512};
    static const int strides[] = {1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};
    int x = problem_tensor(p, 1, size, size, 3, FILL_UNIT), reached = 2, dilation = 1;
    TRY(problem_conv(p, x, window(3, 2, 1, 1, 32 * percent / 100, relu6), 1, PROBLEM_NO_TENSOR,
                     &x));
    for (int i = 0; i < 13; i++) {
        int depth = p->tensors[x].dims[AXIS_C], here = reached < stride ? strides[i] : 1;
        conv_params depthwise = window(3, here, dilation, depth, depth, relu6);
        TRY(problem_conv(p, x, depthwise, 1, PROBLEM_NO_TENSOR, &x));
        conv_params pointwise = window(1, 1, 1, 1, channels[i] * percent / 100, relu6);
        TRY(problem_conv(p, x, pointwise, 1, PROBLEM_NO_TENSOR, &x));
        reached *= here;
        if (here != strides[i]) dilation *= strides[i];
    }
    return heads(p, x);
}

static status bottleneck(problem *p, int *x, int depth, int stride, int dilation)
{
    int shortcut = *x, y = *x;
    if (p->tensors[*x].dims[AXIS_C] != 4 * depth || stride > 1)
        TRY(problem_conv(p, *x, window(1, stride, 1, 1, 4 * depth, none), 1, PROBLEM_NO_TENSOR,
                         &shortcut));
    TRY(problem_conv(p, y, window(1, 1, 1, 1, depth, relu), 1, PROBLEM_NO_TENSOR, &y));
    TRY(problem_conv(p, y, window(3, stride, dilation, 1, depth, relu), 1, PROBLEM_NO_TENSOR, &y));
    return problem_conv(p, y, window(1, 1, 1, 1, 4 * depth, relu), 1, shortcut, x);
}

static status resnet50(problem *p, int size, int stride)
{
    static const int units[] = {3, 4, 6, 3};
    int x = problem_tensor(p, 1, size, size, 3, FILL_UNIT), reached = 4, dilation = 1;
    TRY(problem_conv(p, x, window(7, 2, 1, 1, 64, relu), 1, PROBLEM_NO_TENSOR, &x));
    const tensor *t = &p->tensors[x];
    int side = (t->dims[AXIS_H] - 1) / 2 + 1;
    int y = problem_tensor(p, 1, side, side, 64, FILL_UNIT);
    step *s = problem_step(p, OP_MAX_POOL);
    s->inputs[s->input_count++] = x;
    s->output = y;
    s->as.pool = (pool_params){{3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}};
    for (int block = 0; block < 4; block++)
        for (int unit = 0; unit < units[block]; unit++) {
            int wanted = unit == units[block] - 1 && block < 3 ? 2 : 1;
            int here = reached < stride ? wanted : 1;
            TRY(bottleneck(p, &y, 64 << block, here, dilation));
            reached *= here;
            if (here != wanted) dilation *= wanted;
        }
    return heads(p, y);
}

static status build(problem *p, const timing_model *m)
{
    if (strcmp(m->name, "resnet50") == 0) return resnet50(p, m->size, m->stride);
    static const char *const names[] = {"mobilenet_v1_050", "mobilenet_v1_075", "mobilenet_v1_100"};
    for (int i = 0; i < 3; i++)
        if (strcmp(m->name, names[i]) == 0) return mobilenet(p, m->size, 50 + 25 * i, m->stride);
    return fail(STATUS_ARGUMENT, "%s: no such model; resnet50 and mobilenet_v1_{050,075,100} are",
                m->name);
}

/* What the planner expects a row to cost, see engine/plan/cover.h. */
static double cost_of(const problem *p, const row *r, int first, int count)
{
    if (r->estimate) return r->estimate(&p->net, first, count);
    return (r->device == DEVICE_REF ? 1000.0 : 1.0) * count;
}

/* The row that costs least a step from `first` on, ref where nothing else does. */
static const row *choose(const problem *p, int first, const char *filter, int *count)
{
    const row *best = NULL;
    double lowest = INFINITY;
    for (const row *const *at = all_rows; *at; at++) {
        if ((*at)->device == DEVICE_CUDA) continue;
        if ((*at)->device == DEVICE_CPU && filter && !strstr((*at)->name, filter)) continue;
        int covered = (*at)->covers(&p->net, first, PRECISION_FP32);
        if (!covered || cost_of(p, *at, first, covered) / covered >= lowest) continue;
        best = *at;
        *count = covered;
        lowest = cost_of(p, best, first, covered) / covered;
    }
    return best;
}

static void print(const session *s, const timing_model *m, double *const *seconds)
{
    double sum = 0; /* of the best times, seconds[i][0] once sorted */
    for (int i = 0; i < s->work_count; i++) {
        const work *w = &s->works[i];
        double middle = median(seconds[i], m->repeats);
        int64_t flops = 0;
        for (int k = 0; k < w->count; k++)
            flops += step_flops(&s->p->net, &s->p->net.steps[w->first + k]);
        const int *x = s->p->tensors[s->p->net.steps[w->first].inputs[0]].dims;
        const int *y = s->p->tensors[s->p->net.steps[w->first + w->count - 1].output].dims;
        sum += seconds[i][0];
        if (m->brief) continue;
        printf("%-24s %3dx%3dx%4d -> %3dx%3dx%4d %9.1f us, best %9.1f us %7.1f GFLOP/s\n",
               w->row->name, x[AXIS_H], x[AXIS_W], x[AXIS_C], y[AXIS_H], y[AXIS_W], y[AXIS_C],
               1e6 * middle, 1e6 * seconds[i][0], (double)flops / seconds[i][0] * 1e-9);
    }
    double whole = median(seconds[s->work_count], m->repeats);
    printf("%s %dx%d stride %d, %d threads: median %.3f ms, best %.3f ms, sum of best %.3f ms\n",
           m->name, m->size, m->size, m->stride, m->threads, 1e3 * whole,
           1e3 * seconds[s->work_count][0], 1e3 * sum);
}

static status time_works(session *s, const timing_model *m)
{
    double *seconds[SESSION_WORKS + 1];
    for (int i = 0; i <= s->work_count; i++) {
        seconds[i] = pool_array(s->p->pool, (size_t)m->repeats, sizeof **seconds);
        if (!seconds[i]) return STATUS_MEMORY;
    }
    for (int repeat = -2; repeat < m->repeats; repeat++) {
        double start = timing_now(), before = start;
        for (int i = 0; i < s->work_count; i++) {
            TRY(session_enqueue_one(s, i));
            double now = timing_now();
            if (repeat >= 0) seconds[i][repeat] = now - before;
            before = now;
        }
        if (repeat >= 0) seconds[s->work_count][repeat] = before - start;
    }
    print(s, m, seconds);
    return STATUS_OK;
}

static status run_model(const timing_model *m, problem *p)
{
    const row *rows[SESSION_WORKS];
    int counts[SESSION_WORKS], count = 0;
    layout l;
    session s;
    TRY(build(p, m));
    TRY(layout_make(p, &l));
    for (int first = 0; first < p->net.step_count; first += counts[count++])
        rows[count] = choose(p, first, m->filter, &counts[count]);
    status done =
        session_open(&s, p, &l, device_host(), PRECISION_FP32, m->threads, rows, counts, count, 0);
    if (done == STATUS_OK) done = time_works(&s, m);
    session_close(&s);
    return done;
}

status timing_print_model(const timing_model *m)
{
    problem *p = NULL;
    status done = problem_new(m->seed, TYPE_FP32, &p);
    if (done == STATUS_OK) done = run_model(m, p);
    if (p) problem_free(&p);
    return done;
}
