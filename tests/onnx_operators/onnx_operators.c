/* Runs ONNX's own operator tests.
 *
 *   onnx_operators FOLDER...
 *
 * Each folder is tried three ways: on ref and on cpu with its real inputs flowing through the
 * network, and with every input a constant ("fold"). One line each on stdout, tab-separated: the
 * folder's name, the way, "ok" or "failed", and for the latter a sentence. Exit status 0 if all
 * could be tried, whatever came out.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/onnx_operators/case.h"
#include "tests/onnx_operators/execute.h"

typedef struct way {
    const char *name;
    device_kind device;
    int all_constant;
} way;

static const way ways[] = {{"ref", DEVICE_REF, 0}, {"cpu", DEVICE_CPU, 0}, {"fold", DEVICE_REF, 1}};

/* |got - want| <= limit * (1 + |want|): float and double are computed in float; where the file has
 * 16 bits, half of its last place. */
static double limit_of(const Onnx__TensorProto *t)
{
    switch (t->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16: return 1.0 / 2048;
    case ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16: return 1.0 / 256;
    default: return 1e-5;
    }
}

/* A NaN is right only where the test wants one (the root of -1). */
static int is_close(double got, double want, double limit)
{
    if (isnan(want)) return isnan(got);
    if (isinf(want)) return got == want;
    return fabs(got - want) <= limit * (1 + fabs(want));
}

static status compare(const constant *got, const constant *want, double limit, int number)
{
    if (got->type != want->type || got->rank != want->rank)
        return fail(STATUS_MODEL, "output %d has rank %d, not %d, or the other kind of elements",
                    number, got->rank, want->rank);
    for (int i = 0; i < got->rank; i++)
        if (got->dims[i] != want->dims[i])
            return fail(STATUS_MODEL, "output %d: dimension %d is %lld, not %lld", number, i,
                        (long long)got->dims[i], (long long)want->dims[i]);
    for (int64_t i = 0; i < want->count; i++) {
        int close = want->reals ? is_close((double)got->reals[i], (double)want->reals[i], limit)
                                : got->integers[i] == want->integers[i];
        if (close) continue;
        return fail(STATUS_MODEL, "output %d: element %lld is %g, not %g", number, (long long)i,
                    want->reals ? (double)got->reals[i] : (double)got->integers[i],
                    want->reals ? (double)want->reals[i] : (double)want->integers[i]);
    }
    return STATUS_OK;
}

/* The data of each input that the graph still has, found by name. */
static status match_inputs(const operator_case *c, const graph *g, const constant **inputs)
{
    for (size_t i = 0; i < g->input_count; i++) {
        inputs[i] = NULL;
        for (int k = 0; k < c->input_count; k++)
            if (strcmp(c->names[k], g->values[g->inputs[i]].name) == 0)
                inputs[i] = case_input(c, k);
        if (!inputs[i]) return fail(STATUS_MODEL, "input %zu has no data", i);
    }
    return STATUS_OK;
}

static status try_graph(const operator_case *c, graph *g, const way *w, pool *p)
{
    const constant **inputs = pool_array(p, g->input_count, sizeof *inputs);
    constant *outputs = pool_array(p, g->output_count, sizeof *outputs);
    if (!inputs || !outputs) return STATUS_MEMORY;
    TRY(match_inputs(c, g, inputs));
    TRY(execute(g, w->device, inputs, p, outputs));
    if (g->output_count != (size_t)c->output_count)
        return fail(STATUS_MODEL, "%zu outputs, not %d", g->output_count, c->output_count);
    for (int i = 0; i < c->output_count; i++)
        TRY(compare(&outputs[i], case_output(c, i), limit_of(c->outputs[i]), i));
    return STATUS_OK;
}

static status try_case(const operator_case *c, const way *w)
{
    pool *p = NULL;
    graph *g = NULL;
    status s = pool_new(&p);
    if (s == STATUS_OK) s = case_graph(c, w->all_constant, &g);
    if (s == STATUS_OK) s = try_graph(c, g, w, p);
    graph_free(&g);
    pool_free(&p);
    return s;
}

/* All data sets of a folder; the first failure counts. */
static status try_folder(const char *folder, const way *w)
{
    for (int set = 0;; set++) {
        operator_case c;
        status s = case_read(folder, set, &c);
        if (s == STATUS_FILE && set > 0) return STATUS_OK;
        if (s != STATUS_OK) return s;
        s = try_case(&c, w);
        case_free(&c);
        if (s != STATUS_OK) return s;
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: onnx_operators FOLDER...\n", stderr);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
            fail_clear();
            status s = try_folder(argv[i], &ways[k]);
            printf("%s\t%s\t%s\t%s\n", slash ? slash + 1 : argv[i], ways[k].name,
                   s == STATUS_OK ? "ok" : "failed", s == STATUS_OK ? "" : fail_text());
            fflush(stdout); /* so that a crash shows behind what was tried before it */
        }
    }
    return 0;
}
