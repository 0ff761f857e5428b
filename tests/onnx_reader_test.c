/* Whole ONNX files: the real ones, and every kind of broken one. */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "loader/limits.h"
#include "tests/onnx_expect.h"
#include "tests/shared.h"

/* ---- real files ------------------------------------------------------------------------------ */

typedef struct real_model {
    const char *file;
    size_t nodes, inputs, outputs;
    int counts[GRAPH_OP_COUNT];
} real_model;

/* What Python's onnx package counts in them. */
static const real_model real_models[] = {
    {"posenet_mobilenet_v1_075_stride16.onnx",
     62,
     1,
     4,
     {[GRAPH_CONV] = 31, [GRAPH_CLIP] = 27, [GRAPH_IDENTITY] = 4}},
    {"bodypix_mobilenet_v1_050_stride16.onnx",
     75,
     1,
     8,
     {[GRAPH_CONV] = 35,
      [GRAPH_CLIP] = 27,
      [GRAPH_TRANSPOSE] = 8,
      [GRAPH_SHAPE] = 1,
      [GRAPH_GATHER] = 1,
      [GRAPH_RESHAPE] = 1,
      [GRAPH_MIN] = 1,
      [GRAPH_MAX] = 1}},
};

/* The file's path, or a skipped test. */
static const char *model_path(const char *file)
{
    static char path[SHARED_PATH_BYTES];
    if (!shared_model(file, path)) cr_skip_test("skipped: no %s", path);
    return path;
}

/* Of this process's own work, so that a busy machine fails no test. */
static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static graph *read_real(const real_model *m)
{
    graph *g;
    cr_assert(onnx_read_file(model_path(m->file), &g) == STATUS_OK, "%s", fail_text());
    return g;
}

Test(real_models, have_the_nodes_that_python_counts)
{
    for (size_t i = 0; i < sizeof real_models / sizeof *real_models; i++) {
        const real_model *m = &real_models[i];
        int counts[GRAPH_OP_COUNT] = {0};
        graph *g = read_real(m);
        cr_assert_eq(g->node_count, m->nodes);
        cr_assert_eq(g->input_count, m->inputs);
        cr_assert_eq(g->output_count, m->outputs);
        for (size_t j = 0; j < g->node_count; j++) counts[g->nodes[j].op]++;
        for (int op = 0; op < GRAPH_OP_COUNT; op++) cr_assert_eq(counts[op], m->counts[op]);
        cr_assert_eq(g->values[g->inputs[0]].rank, 4);
        graph_free(&g);
    }
}

Test(real_models, load_quickly)
{
    for (size_t i = 0; i < sizeof real_models / sizeof *real_models; i++) {
        double best = 1e9;
        for (int repeat = 0; repeat < 5; repeat++) {
            double start = milliseconds();
            graph *g = read_real(&real_models[i]);
            double took = milliseconds() - start;
            if (took < best) best = took;
            graph_free(&g);
        }
#if !defined(__SANITIZE_ADDRESS__)
        cr_assert_lt(best, 30, "%s took %.1f ms", real_models[i].file, best);
#endif
    }
}

/* Cut anywhere, the file is refused; never read beyond its end (ASan sees to that). */
Test(real_models, cut_off_anywhere_are_refused)
{
    const char *path = model_path(real_models[1].file);
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f);
    cr_assert_eq(fseek(f, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(f);
    unsigned char *bytes = malloc(size);
    cr_assert_not_null(bytes);
    rewind(f);
    cr_assert_eq(fread(bytes, 1, size, f), size);
    fclose(f);
    for (size_t cut = 0; cut < 50; cut++) {
        size_t kept = size * cut / 50;
        unsigned char *part = malloc(kept + 1); /* of its own, so that ASan knows its end */
        cr_assert_not_null(part);
        memcpy(part, bytes, kept);
        expect_bytes_refused(part, kept, STATUS_MODEL,
                             (const char *const[]){"model in memory: ", NULL});
        free(part);
    }
    free(bytes);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void expect_file_refused(const char *path, status code, const char *words)
{
    graph *g;
    fail_clear();
    status s = onnx_read_file(path, &g);
    cr_assert(s == code, "%s: status %d: %s", path, s, fail_text());
    cr_assert_null(g);
    expect_sentence(path, (const char *const[]){path, words, NULL});
}

Test(files, that_cannot_be_models_are_refused)
{
    char folder[] = "/tmp/posenet_files_XXXXXX", path[100];
    cr_assert_not_null(mkdtemp(folder));
    expect_file_refused(folder, STATUS_FILE, "is a folder");
    snprintf(path, sizeof path, "%s/missing.onnx", folder);
    expect_file_refused(path, STATUS_FILE, "No such file");
    expect_file_refused("", STATUS_FILE, "No such file");
    expect_file_refused("/dev/null", STATUS_FILE, "is not a regular file");

    snprintf(path, sizeof path, "%s/empty.onnx", folder);
    FILE *f = fopen(path, "wb");
    cr_assert(f && fclose(f) == 0);
    expect_file_refused(path, STATUS_FILE, "is empty");
    cr_assert_eq(truncate(path, LIMIT_FILE_BYTES + 1), 0); /* sparse: takes no room */
    expect_file_refused(path, STATUS_FILE, "2147483649 bytes, more than 2147483648");
    cr_assert_eq(unlink(path), 0);

    graph *g;
    fail_clear();
    cr_assert(onnx_read_file("a\nb/\x1b[31m", &g) == STATUS_FILE);
    expect_sentence("a path", (const char *const[]){"a\\x0ab/\\x1b[31m: cannot be opened", NULL});

    snprintf(path, sizeof path, "%s/fifo.onnx", folder);
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_file_refused(path, STATUS_FILE, "is not a regular file");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0);
}

/* ---- models that contradict themselves ------------------------------------------------------- */

Test(models, with_broken_wiring_are_refused)
{
    onnx_builder *b = onnx_builder_new(13);
    onnx_build_node(b, "Relu", "b", "a");
    onnx_build_node(b, "Relu", "a", "b");
    onnx_build_output(b, "b");
    EXPECT_REFUSED(b, STATUS_MODEL,
                   "node \"b_node\" (Relu): its input \"a\" depends on its own output");

    b = onnx_builder_new(13);
    onnx_build_node(b, "Relu", "nothing", "a");
    onnx_build_output(b, "a");
    EXPECT_REFUSED(b, STATUS_MODEL, "node \"a_node\" (Relu): nothing makes its input \"nothing\"");

    b = onnx_builder_new(13);
    onnx_build_input(b, "x", 1, DIMS(1));
    onnx_build_node(b, "Relu", "x", "a");
    onnx_build_node(b, "Sigmoid", "x", "a");
    onnx_build_output(b, "a");
    EXPECT_REFUSED(b, STATUS_MODEL, "value \"a\" is made twice");

    b = onnx_builder_new(13);
    onnx_build_input(b, "x", 1, DIMS(1));
    onnx_build_input(b, "x", 1, DIMS(1));
    onnx_build_output(b, "x");
    EXPECT_REFUSED(b, STATUS_MODEL, "input \"x\": there are two values of that name");

    b = onnx_builder_new(13);
    onnx_build_floats(b, "w", 1, DIMS(1), NULL);
    onnx_build_floats(b, "w", 1, DIMS(1), NULL);
    onnx_build_output(b, "w");
    EXPECT_REFUSED(b, STATUS_MODEL, "a constant \"w\": there are two values of that name");

    b = onnx_builder_new(13);
    onnx_build_input(b, "x", 1, DIMS(1));
    onnx_build_output(b, "y");
    EXPECT_REFUSED(b, STATUS_MODEL, "nothing makes the network's output \"y\"");

    b = onnx_builder_new(13);
    onnx_build_floats(b, "", 1, DIMS(1), NULL);
    onnx_build_output(b, "");
    EXPECT_REFUSED(b, STATUS_MODEL, "a constant has no name");
}

Test(models, of_other_opsets_are_refused)
{
    static const int64_t bad[] = {6, 29, 1, -1, 1LL << 40};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        onnx_builder *b = onnx_builder_new(bad[i]);
        onnx_build_input(b, "x", 1, DIMS(1));
        onnx_build_output(b, "x");
        EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "is not supported, 7 to 28 are");
    }
    for (int64_t opset = 7; opset <= 28; opset++) {
        onnx_builder *b = onnx_builder_new(opset);
        onnx_build_input(b, "x", 1, DIMS(1));
        onnx_build_output(b, "x");
        graph *g = expect_graph(b);
        cr_assert_eq(g->opset, opset);
        graph_free(&g);
    }
    onnx_builder *b = onnx_builder_new(13);
    b->opset.domain = build_text(b, "ai.onnx.ml");
    onnx_build_output(b, "x");
    EXPECT_REFUSED(b, STATUS_MODEL, "names no ONNX opset");
}

Test(models, declare_their_inputs)
{
    onnx_builder *b = onnx_builder_new(8);
    onnx_build_input(b, "x", 4, DIMS(INT64_MIN, 3, 257, -1));
    onnx_build_input(b, "w", 1, DIMS(2)); /* a constant among the inputs, as before IR version 4 */
    onnx_build_floats(b, "w", 1, DIMS(2), NULL);
    onnx_build_node(b, "Mul", "x,w", "y");
    onnx_build_output(b, "y");
    graph *g = expect_graph(b);
    cr_assert_eq(g->input_count, 1);
    const value *v = &g->values[g->inputs[0]];
    cr_assert_str_eq(v->name, "x");
    cr_assert(v->rank == 4 && v->dims[0] == GRAPH_UNKNOWN_DIM && v->dims[2] == 257 &&
              v->dims[3] == GRAPH_UNKNOWN_DIM);
    graph_free(&g);

    static const struct {
        int rank;
        int64_t dims[9];
        status code;
        const char *words;
    } bad[] = {
        {2, {1, -2}, STATUS_MODEL, "dimension 1 is -2"},
        {2, {1, 1LL << 40}, STATUS_MODEL, "dimension 1 is 1099511627776"},
        {3, {1 << 20, INT64_MIN, 1 << 20}, STATUS_MODEL, "more than 2147483647 elements"},
        {9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, STATUS_UNSUPPORTED, "9 dimensions, more than 8"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        b = onnx_builder_new(13);
        onnx_build_input(b, "x", bad[i].rank, bad[i].dims);
        onnx_build_output(b, "x");
        EXPECT_REFUSED(b, bad[i].code, "model in memory: input", "x", bad[i].words);
    }

    b = onnx_builder_new(8);
    onnx_build_input(b, "w", 1, DIMS(3));
    onnx_build_floats(b, "w", 1, DIMS(2), NULL);
    onnx_build_output(b, "w");
    EXPECT_REFUSED(b, STATUS_MODEL, "constant \"w\": its type or dims differ from the input's");
    b = onnx_builder_new(13);
    onnx_build_typed_input(b, "x", ONNX__TENSOR_PROTO__DATA_TYPE__STRING, 0, NULL);
    onnx_build_output(b, "x");
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "input x: elements of type string");
    b = onnx_builder_new(13);
    onnx_build_typed_input(b, "x", 1, 0, NULL)->type->value_case = 0;
    onnx_build_output(b, "x");
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "input \"x\" is no tensor");
}

/* Every sentence stays one line, whatever the names are. */
Test(models, with_wild_names_make_no_wild_sentences)
{
    onnx_builder *b = onnx_builder_new(13);
    Onnx__NodeProto *n = onnx_build_node(b, "Re\nlu", "x", "y");
    n->name = build_text(b, "no\xff\r\nde");
    onnx_build_output(b, "y");
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "node \"no\\xff\\x0d\\x0ade\" (Re\\x0alu, opset 13)");

    b = onnx_builder_new(13);
    char *name = build_array(b, LIMIT_NAME_BYTES + 2, 1);
    memset(name, 'n', LIMIT_NAME_BYTES + 1);
    onnx_build_input(b, name, 1, DIMS(1));
    onnx_build_output(b, name);
    EXPECT_REFUSED(b, STATUS_MODEL, "4097 bytes long, more than 4096");
}

Test(models, of_the_most_nodes_load_quickly)
{
    onnx_builder *b = onnx_builder_new(13);
    char from[16] = "x", to[16];
    onnx_build_input(b, "x", 1, DIMS(1));
    for (int i = 0; i < LIMIT_NODES; i++) {
        snprintf(to, sizeof to, "v%d", i);
        onnx_build_node(b, "Relu", from, to);
        memcpy(from, to, sizeof to);
    }
    onnx_build_output(b, to);
    double start = milliseconds();
    graph *g = expect_graph(b);
    cr_assert_lt(milliseconds() - start, 5000);
    cr_assert_eq(g->node_count, LIMIT_NODES);
    graph_free(&g);
}
