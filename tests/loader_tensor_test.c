/* Constants: every data type, raw and typed, external data, and counts that disagree. */
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/half.h"
#include "tests/onnx_expect.h"

#define TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name

/* A model whose only output is the constant "c". */
static onnx_builder *constant_model(int32_t type, int rank, const int64_t *dims,
                                    Onnx__TensorProto **t)
{
    onnx_builder *b = onnx_builder_new(13);
    *t = onnx_build_initializer(b, onnx_build_tensor(b, "c", type, rank, dims));
    onnx_build_output(b, "c");
    return b;
}

static const constant *only_constant(const graph *g)
{
    cr_assert_eq(g->output_count, 1);
    cr_assert_not_null(g->values[g->outputs[0]].constant);
    return g->values[g->outputs[0]].constant;
}

typedef struct raw_case {
    int32_t type;
    size_t bytes;
    unsigned char raw[16];
    double want[2]; /* two elements; integers are exact in a double here */
} raw_case;

static const raw_case raw_cases[] = {
    {TYPE(FLOAT), 8, {0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0}, {1, -2.5}},
    {TYPE(DOUBLE), 16, {0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 4, 0xc0}, {1, -2.5}},
    {TYPE(FLOAT16), 4, {0x00, 0x3c, 0x00, 0xc1}, {1, -2.5}},
    {TYPE(FLOAT16), 4, {0x01, 0x00, 0xff, 0x83}, {5.9604644775390625e-8, -6.09755516052246094e-5}},
    {TYPE(FLOAT16), 4, {0xff, 0x7b, 0x00, 0xfc}, {65504, -INFINITY}},
    {TYPE(BFLOAT16), 4, {0x80, 0x3f, 0x20, 0xc0}, {1, -2.5}},
    {TYPE(INT64), 16, {7, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255}, {7, -1}},
    {TYPE(INT32), 8, {0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0x7f}, {-2147483648.0, 2147483647}},
    {TYPE(INT16), 4, {0, 0x80, 0xff, 0x7f}, {-32768, 32767}},
    {TYPE(INT8), 2, {0x80, 0x7f}, {-128, 127}},
    {TYPE(UINT64), 16, {9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}, {9, 4294967296.0}},
    {TYPE(UINT32), 8, {0, 0, 0, 0x80, 1, 0, 0, 0}, {2147483648.0, 1}},
    {TYPE(UINT16), 4, {0, 0x80, 1, 0}, {32768, 1}},
    {TYPE(UINT8), 2, {0x80, 1}, {128, 1}},
    {TYPE(BOOL), 2, {0, 1}, {0, 1}},
};

static void expect_two(const graph *g, const double *want)
{
    const constant *c = only_constant(g);
    cr_assert(c->rank == 2 && c->dims[0] == 1 && c->dims[1] == 2 && c->count == 2);
    cr_assert_neq(c->reals != NULL, c->integers != NULL);
    cr_assert_eq(c->type == ELEMENT_REAL, c->reals != NULL);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(c->reals ? (double)c->reals[i] : (double)c->integers[i], want[i]);
}

Test(tensors, raw_data_of_every_type)
{
    for (size_t i = 0; i < sizeof raw_cases / sizeof *raw_cases; i++) {
        const raw_case *r = &raw_cases[i];
        Onnx__TensorProto *t;
        onnx_builder *b = constant_model(r->type, 2, DIMS(1, 2), &t);
        onnx_build_raw(b, t, r->raw, r->bytes);
        graph *g = expect_graph(b);
        expect_two(g, r->want);
        graph_free(&g);

        b = constant_model(r->type, 2, DIMS(1, 3), &t);
        onnx_build_raw(b, t, r->raw, r->bytes);
        EXPECT_REFUSED(b, STATUS_MODEL, "constant c: holds", "raw bytes, its dims and type need");
    }
}

Test(tensors, typed_data_of_every_type)
{
    static const struct {
        int32_t type;
        int32_t words[2];
        double want[2];
    } narrow[] = {
        {TYPE(INT32), {-5, 7}, {-5, 7}},
        {TYPE(INT16), {-5, 7}, {-5, 7}},
        {TYPE(INT8), {-5, 7}, {-5, 7}},
        {TYPE(UINT16), {5, 65535}, {5, 65535}},
        {TYPE(UINT8), {5, 255}, {5, 255}},
        {TYPE(BOOL), {0, 1}, {0, 1}},
        {TYPE(BOOL), {0, 256}, {0, 1}},
        {TYPE(INT8), {200, -129}, {-56, 127}}, /* beyond the type: what is left in its width */
        {TYPE(UINT8), {-1, 261}, {255, 5}},
        {TYPE(UINT16), {-1, 65541}, {65535, 5}},
        {TYPE(FLOAT16), {0x3c00, 0xc100}, {1, -2.5}},
        {TYPE(BFLOAT16), {0x3f80, 0xc020}, {1, -2.5}},
    };
    Onnx__TensorProto *t;
    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++) {
        onnx_builder *b = constant_model(narrow[i].type, 2, DIMS(1, 2), &t);
        int32_t words[2] = {narrow[i].words[0], narrow[i].words[1]};
        t->n_int32_data = 2;
        t->int32_data = words;
        graph *g = expect_graph(b);
        expect_two(g, narrow[i].want);
        graph_free(&g);
    }
    onnx_builder *b = constant_model(TYPE(FLOAT), 2, DIMS(1, 2), &t);
    t->n_float_data = 2;
    t->float_data = (float[]){0.5f, -3};
    graph *g = expect_graph(b);
    expect_two(g, (const double[]){0.5, -3});
    graph_free(&g);
    b = constant_model(TYPE(DOUBLE), 2, DIMS(1, 2), &t);
    t->n_double_data = 2;
    t->double_data = (double[]){0.1, 1e300}; /* rounded once, to float */
    g = expect_graph(b);
    expect_two(g, (const double[]){(double)0.1f, INFINITY});
    graph_free(&g);
    b = constant_model(TYPE(INT64), 2, DIMS(1, 2), &t);
    t->n_int64_data = 2;
    t->int64_data = (int64_t[]){-1, 1LL << 40};
    g = expect_graph(b);
    expect_two(g, (const double[]){-1, 1099511627776.0});
    graph_free(&g);
    b = constant_model(TYPE(UINT32), 2, DIMS(1, 2), &t);
    t->n_uint64_data = 2;
    t->uint64_data = (uint64_t[]){1, 4294967295u};
    g = expect_graph(b);
    expect_two(g, (const double[]){1, 4294967295.0});
    graph_free(&g);
    b = constant_model(TYPE(UINT32), 2, DIMS(1, 2), &t);
    t->n_uint64_data = 2;
    t->uint64_data = (uint64_t[]){(7ull << 32) + 3, UINT64_MAX};
    g = expect_graph(b);
    expect_two(g, (const double[]){3, 4294967295.0});
    graph_free(&g);
}

/* Every half, against its definition. */
Test(tensors, halves_become_floats_exactly)
{
    for (uint32_t half = 0; half < 0x10000; half++) {
        int exponent = (int)(half >> 10 & 31);
        double fraction = half & 1023, sign = half & 0x8000 ? -1 : 1;
        double want = exponent ? ldexp(1 + fraction / 1024, exponent - 15) : ldexp(fraction, -24);
        float got = half_to_float((uint16_t)half);
        if (exponent == 31 && fraction > 0)
            cr_assert(isnan(got));
        else
            cr_assert_eq((double)got, sign * (exponent == 31 ? (double)INFINITY : want));
    }
}

Test(tensors, claims_are_checked_before_anything_is_allocated)
{
    static const struct {
        int rank;
        int64_t dims[9];
        status code;
        const char *words;
    } cases[] = {
        {1, {-1}, STATUS_MODEL, "dimension 0 is -1"},
        {2, {1, 1LL << 40}, STATUS_MODEL, "dimension 1 is 1099511627776"},
        {3, {1 << 20, 1 << 20, 1 << 20}, STATUS_MODEL, "more than 2147483647 elements"},
        {1, {1 << 30}, STATUS_MODEL, "holds 4 raw bytes, its dims and type need 4294967296"},
        {9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, STATUS_UNSUPPORTED, "9 dimensions, more than 8"},
        {1, {0}, STATUS_MODEL, "holds 4 raw bytes, its dims and type need 0"},
    };
    Onnx__TensorProto *t;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        onnx_builder *b = constant_model(TYPE(FLOAT), cases[i].rank, cases[i].dims, &t);
        onnx_build_raw(b, t, NULL, 4);
        EXPECT_REFUSED(b, cases[i].code, "model in memory: constant c", cases[i].words);
    }
    onnx_builder *b = constant_model(TYPE(FLOAT), 1, DIMS(2), &t);
    t->n_float_data = 1;
    t->float_data = (float[]){1};
    EXPECT_REFUSED(b, STATUS_MODEL, "holds 1 elements, its dims and type need 2");
    b = constant_model(TYPE(UINT64), 0, NULL, &t);
    t->n_uint64_data = 1;
    t->uint64_data = (uint64_t[]){UINT64_MAX};
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "18446744073709551615, more than int64");
}

Test(tensors, other_types_are_refused_by_name)
{
    static const int32_t types[] = {TYPE(STRING), TYPE(COMPLEX64), TYPE(COMPLEX128), 0, 17, -3};
    static const char *const words[] = {"string", "complex64", "complex128", "0", "17", "-3"};
    Onnx__TensorProto *t;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        EXPECT_REFUSED(constant_model(types[i], 1, DIMS(0), &t), STATUS_UNSUPPORTED,
                       "constant c: elements of", words[i]);
    onnx_builder *b = constant_model(TYPE(FLOAT), 1, DIMS(1), &t);
    Onnx__TensorProto__Segment segment = ONNX__TENSOR_PROTO__SEGMENT__INIT;
    t->segment = &segment;
    onnx_build_raw(b, t, NULL, 4);
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "one segment");
}

Test(tensors, constant_nodes_in_all_their_forms)
{
    onnx_builder *b = onnx_builder_new(13);
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    Onnx__NodeProto *n[5];
    for (int i = 0; i < 5; i++) {
        n[i] = onnx_build_node(b, "Constant", "", names[i]);
        onnx_build_output(b, names[i]);
    }
    onnx_build_float(b, n[0], "value_float", 2.5f);
    onnx_build_float_list(b, n[1], "value_floats", 2, (const float[]){1, 2});
    onnx_build_int(b, n[2], "value_int", -7);
    onnx_build_ints(b, n[3], "value_ints", 3, DIMS(4, 5, 6));
    Onnx__TensorProto *t = onnx_build_tensor(b, "", TYPE(INT32), 0, NULL);
    onnx_build_raw(b, t, "\3\0\0", 4);
    onnx_build_tensor_attribute(b, n[4], "value", t);
    graph *g = expect_graph(b);
    const constant *c[5];
    cr_assert_eq(g->node_count, 0);
    for (int i = 0; i < 5; i++) c[i] = g->values[g->outputs[i]].constant;
    cr_assert(c[0]->rank == 0 && c[0]->reals[0] == 2.5f);
    cr_assert(c[1]->rank == 1 && c[1]->dims[0] == 2 && c[1]->reals[1] == 2);
    cr_assert(c[2]->rank == 0 && c[2]->integers[0] == -7);
    cr_assert(c[3]->rank == 1 && c[3]->count == 3 && c[3]->integers[2] == 6);
    cr_assert(c[4]->rank == 0 && c[4]->integers[0] == 3);
    graph_free(&g);

    b = onnx_builder_new(13);
    onnx_build_string(b, onnx_build_node(b, "Constant", "", "a"), "value_string", "text");
    onnx_build_output(b, "a");
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "(Constant, opset 13)", "\"value_string\"");
    b = onnx_builder_new(13);
    onnx_build_node(b, "Constant", "", "a");
    onnx_build_output(b, "a");
    EXPECT_REFUSED(b, STATUS_MODEL, "(Constant, opset 13): has no value");
}

/* ---- external data --------------------------------------------------------------------------- */

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(data, 1, size, f), size);
    cr_assert_eq(fclose(f), 0);
}

/* A folder of its own with inside/model.onnx, whose constant of two floats is external data as
 * said, inside/data of 12 bytes, outside/data and inside/link to it. The working folder is the
 * new one (make_folder). */
static status read_external(const char *location, const char *offset, const char *length, graph **g)
{
    Onnx__TensorProto *t;
    onnx_builder *b = constant_model(TYPE(FLOAT), 2, DIMS(1, 2), &t);
    if (location) onnx_build_external(b, t, "location", location);
    if (offset) onnx_build_external(b, t, "offset", offset);
    if (length) onnx_build_external(b, t, "length", length);
    if (!location) onnx_build_external(b, t, "checksum", "none");
    unsigned char *bytes;
    size_t size = onnx_build_pack(b, &bytes);
    onnx_builder_free(&b);
    write_file("inside/model.onnx", bytes, size);
    free(bytes);
    fail_clear();
    return onnx_read_file("inside/model.onnx", g);
}

static void make_folder(void)
{
    char folder[] = "/tmp/posenet_external_XXXXXX";
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
    cr_assert(mkdir("inside", 0700) == 0 && mkdir("outside", 0700) == 0);
    write_file("inside/data", (const float[]){1, 2, 3}, 12);
    write_file("outside/data", (const float[]){1, 2, 3}, 12);
    cr_assert(symlink("../outside/data", "inside/link") == 0);
    cr_assert(symlink("../outside", "inside/folder") == 0);
    cr_assert(symlink("data", "inside/alias") == 0);
}

static void remove_folder(void)
{
    static const char *const names[] = {"inside/model.onnx", "inside/data",  "inside/link",
                                        "inside/folder",     "inside/alias", "outside/data"};
    char folder[1000];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(names[i]);
    cr_assert(rmdir("inside") == 0 && rmdir("outside") == 0);
    cr_assert_not_null(getcwd(folder, sizeof folder));
    cr_assert(chdir("/") == 0 && rmdir(folder) == 0);
}

Test(external_data, is_read_from_the_models_folder)
{
    make_folder();
    graph *g;
    cr_assert(read_external("data", NULL, NULL, &g) == STATUS_OK, "%s", fail_text());
    expect_two(g, (const double[]){1, 2});
    graph_free(&g);
    cr_assert(read_external("./data", "4", "8", &g) == STATUS_OK, "%s", fail_text());
    expect_two(g, (const double[]){2, 3});
    graph_free(&g);
    cr_assert(read_external("alias", "0", "8", &g) == STATUS_OK, "%s", fail_text());
    graph_free(&g);
    cr_assert(chdir("inside") == 0);
    cr_assert(onnx_read_file("model.onnx", &g) == STATUS_OK, "%s", fail_text());
    graph_free(&g);
    cr_assert(chdir("..") == 0);
    remove_folder();
}

Test(external_data, never_leaves_the_models_folder)
{
    static const struct {
        const char *location, *offset, *length, *words;
        status code;
    } cases[] = {
        {"../outside/data", NULL, NULL, "\"../outside/data\" lies outside", STATUS_MODEL},
        {"/etc/passwd", NULL, NULL, "\"/etc/passwd\" lies outside", STATUS_MODEL},
        {"a/../../outside/data", NULL, NULL, "lies outside", STATUS_MODEL},
        {"..", NULL, NULL, "lies outside", STATUS_MODEL},
        {"link", NULL, NULL, "inside/link is a link out of", STATUS_MODEL},
        {"folder/data", NULL, NULL, "inside/folder/data is a link out of", STATUS_MODEL},
        {"nothing", NULL, NULL, "inside/nothing cannot be opened", STATUS_FILE},
        {".", NULL, NULL, "is a link out of", STATUS_MODEL},
        {"", NULL, NULL, "has no location", STATUS_MODEL},
        {NULL, NULL, NULL, "has no location", STATUS_MODEL},
        {"data", "8", NULL, "8 bytes from 8 on are beyond its end, at 12", STATUS_MODEL},
        {"data", "9223372036854775807", NULL, "beyond its end", STATUS_MODEL},
        {"data", "99999999999999999999", NULL, "offset is \"99999999999999999999\"", STATUS_MODEL},
        {"data", "-4", NULL, "offset is \"-4\"", STATUS_MODEL},
        {"data", "4x", NULL, "offset is \"4x\"", STATUS_MODEL},
        {"data", "", NULL, "offset is \"\"", STATUS_MODEL},
        {"data", NULL, "12", "has 12 bytes, its dims and type need 8", STATUS_MODEL},
    };
    make_folder();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        graph *g;
        status s = read_external(cases[i].location, cases[i].offset, cases[i].length, &g);
        cr_assert(s == cases[i].code, "case %zu: status %d: %s", i, s, fail_text());
        cr_assert_null(g);
        expect_sentence(cases[i].words, (const char *const[]){"inside/model.onnx: constant c: ",
                                                              cases[i].words, NULL});
    }
    remove_folder();
}

Test(external_data, a_model_in_memory_has_none)
{
    Onnx__TensorProto *t;
    onnx_builder *b = constant_model(TYPE(FLOAT), 1, DIMS(1), &t);
    onnx_build_external(b, t, "location", "data");
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "a model in memory cannot have external data");
}
