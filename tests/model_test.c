/* What a model's file says: layout, stride, normalisation, sizes; and what is no PoseNet. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/model/model.h"
#include "engine/model/network.h"
#include "tests/tiny_model.h"

static status open_tiny(const tiny_spec *spec, posenet_normalize normalize, model **m)
{
    size_t size;
    uint8_t *bytes = tiny_model(spec, &size);
    model_request request = {.bytes = bytes, .byte_count = size, .normalize = normalize};
    status code = model_open(&request, m);
    free(bytes);
    return code;
}

Test(model, both_layouts_are_read)
{
    for (int nhwc = 0; nhwc <= 1; nhwc++) {
        model *m;
        status code = open_tiny(&(tiny_spec){.nhwc = nhwc}, POSENET_NORMALIZE_MOBILENET, &m);
        cr_assert_eq(code, STATUS_OK, "%s", fail_text());
        cr_assert_eq(m->input_nchw, !nhwc);
        cr_assert_eq(m->heads_nchw, !nhwc);
        cr_assert_eq(m->stride, TINY_STRIDE);
        cr_assert(!m->fixed_width && !m->fixed_height && !m->fixed_batch);
        model_close(&m);
        cr_assert_null(m);
    }
}

/* 257 pixels make 17 cells, as many as the heatmap has channels. */
Test(model, a_map_as_wide_as_its_channels_is_read_right)
{
    for (int nhwc = 0; nhwc <= 1; nhwc++) {
        tiny_spec spec = {.nhwc = nhwc, .batch = 1, .height = 257, .width = 257};
        model *m;
        status code = open_tiny(&spec, POSENET_NORMALIZE_MOBILENET, &m);
        cr_assert_eq(code, STATUS_OK, "%s", fail_text());
        cr_assert_eq(m->heads_nchw, !nhwc);
        cr_assert(m->fixed_width == 257 && m->fixed_height == 257 && m->fixed_batch == 1);
        model_close(&m);
    }
}

Test(model, normalisation_is_found_or_asked_for)
{
    model *m;
    cr_assert_eq(open_tiny(&(tiny_spec){.scaled = 1}, POSENET_NORMALIZE_AUTO, &m), STATUS_OK);
    cr_assert_eq(m->normalize, NORMALIZE_NONE);
    model_close(&m);
    cr_assert_eq(open_tiny(&(tiny_spec){.scaled = 1}, POSENET_NORMALIZE_RESNET, &m), STATUS_OK);
    cr_assert_eq(m->normalize, NORMALIZE_RESNET);
    model_close(&m);
    cr_assert_eq(open_tiny(&(tiny_spec){0}, POSENET_NORMALIZE_AUTO, &m), STATUS_MODEL);
    cr_assert_null(m);
    cr_assert(strstr(fail_text(), "neither a MobileNet nor a ResNet"), "%s", fail_text());
}

/* Whole numbers that hold a pixel, cast before anything is computed with them. */
Test(model, pixels_may_be_whole_numbers)
{
    static const int types[] = {ONNX__TENSOR_PROTO__DATA_TYPE__UINT8,
                                ONNX__TENSOR_PROTO__DATA_TYPE__INT32,
                                ONNX__TENSOR_PROTO__DATA_TYPE__INT64};
    for (int i = 0; i < 6; i++) {
        tiny_spec spec = {.pixel_type = types[i / 2], .nhwc = i % 2};
        model *m;
        cr_assert_eq(open_tiny(&spec, POSENET_NORMALIZE_AUTO, &m), STATUS_OK, "%s", fail_text());
        cr_assert_eq(m->normalize, NORMALIZE_NONE, "nothing else is whole");
        cr_assert_eq(m->input_nchw, !spec.nhwc);
        for (size_t k = 0; k < m->graph->node_count; k++)
            cr_assert_neq(m->graph->nodes[k].op, GRAPH_CAST);
        model_close(&m);
    }
}

Test(model, what_is_no_posenet_is_refused_by_name)
{
    static const struct {
        tiny_spec spec;
        const char *words;
    } cases[] = {
        {{.without = 1}, "no output is the heatmap"},
        {{.without = 2}, "no output is the offset"},
        {{.without = 3}, "no output is the forward displacement"},
        {{.extra = "my_heatmap"}, "both look like the heatmap"},
        {{.names = {"a", "b", "c", "d"}}, "\"c\" and \"d\" both have 32 channels"},
        {{.channels = 4}, "input \"image\" has 4 channels; a picture has 3"},
        {{.pixel_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT8}, "which holds no 0..255"},
        {{.pixel_type = ONNX__TENSOR_PROTO__DATA_TYPE__BOOL}, "which holds no 0..255"},
        {{.pixel_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64, .whole_factor = 2},
         "computes with input \"image\" before it is cast"},
        {{.second_input = 1}, "2 inputs; a PoseNet has one"},
        {{.constant = 1}, "no output is the heatmap"},
        {{.flat = 2}, "no output is the offset"},
        {{.height = 7, .width = 65}, "the file fixes its input height at 7, outside 33..2049"},
        {{.height = 65, .width = 3009}, "the file fixes its input width at 3009"},
        {{.batch = 1 << 20}, "the file fixes its input batch at 1048576, outside 1..256"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        model *m;
        cr_expect_neq(open_tiny(&cases[i].spec, POSENET_NORMALIZE_NONE, &m), STATUS_OK);
        cr_expect_null(m);
        cr_expect(strstr(fail_text(), cases[i].words), "case %zu: %s", i, fail_text());
    }
}

Test(model, sizes_become_legal_or_are_refused)
{
    static const struct {
        int64_t fixed;
        int asked, got;
        status code;
    } cases[] = {
        {0, 0, 513, STATUS_OK},
        {0, 257, 257, STATUS_OK},
        {0, 320, 321, STATUS_OK},
        {0, 335, 321, STATUS_OK},
        {0, 336, 337, STATUS_OK},
        {0, 33, 33, STATUS_OK},
        {0, 47, 33, STATUS_OK},
        {0, 2049, 2049, STATUS_OK},
        {0, 2048, 2049, STATUS_OK},
        {0, 32, 0, STATUS_ARGUMENT},
        {0, 2050, 0, STATUS_ARGUMENT},
        {0, -5, 0, STATUS_ARGUMENT},
        {257, 0, 257, STATUS_OK},
        {257, 257, 257, STATUS_OK},
        {257, 256, 257, STATUS_OK},
        {256, 0, 256, STATUS_OK},
        {256, 256, 256, STATUS_OK},
        {256, 257, 0, STATUS_UNSUPPORTED},
        {257, 513, 0, STATUS_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tiny_spec spec = {.height = cases[i].fixed, .width = cases[i].fixed};
        model *m;
        cr_assert_eq(open_tiny(&spec, POSENET_NORMALIZE_NONE, &m), STATUS_OK, "%s", fail_text());
        int width = cases[i].asked, height = cases[i].asked;
        status code = model_input_size(m, &width, &height);
        cr_expect_eq(code, cases[i].code, "case %zu: %s", i, fail_text());
        if (code == STATUS_OK) cr_expect(width == cases[i].got && height == cases[i].got);
        model_close(&m);
    }
}

/* Heads that fit by name and channels, but not each other. */
Test(model, heads_of_different_sizes_are_refused)
{
    model *m;
    pool *p;
    built_network built;
    cr_assert_eq(open_tiny(&(tiny_spec){.coarse = 2}, POSENET_NORMALIZE_NONE, &m), STATUS_OK);
    cr_assert_eq(pool_new(&p), STATUS_OK);
    network_request request = {.model = m, .width = 97, .height = 65, .batch = 1, .max_poses = 5};
    cr_assert_eq(network_build(&request, p, &built), STATUS_MODEL);
    cr_assert(strstr(fail_text(), "output \"offset\" is 1x3x4x34"), "%s", fail_text());
    pool_free(&p);
    model_close(&m);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
}

Test(model, a_file_without_ending_is_what_its_first_byte_says)
{
    char folder[] = "/tmp/posenet-model-XXXXXX", path[64];
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model", folder);
    size_t size;
    uint8_t *bytes = tiny_model(&(tiny_spec){0}, &size);
    write_file(path, bytes, size);
    free(bytes);
    model *m;
    model_request request = {.path = path, .normalize = POSENET_NORMALIZE_NONE};
    cr_assert_eq(model_open(&request, &m), STATUS_OK, "%s", fail_text());
    model_close(&m);
    write_file(path, " \n{\"format\": 7}", 15);
    cr_assert_neq(model_open(&request, &m), STATUS_OK);
    char as_json[1024];
    snprintf(as_json, sizeof as_json, "%s", fail_text());
    write_file(path, "no model", 8);
    cr_assert_neq(model_open(&request, &m), STATUS_OK);
    cr_assert_str_neq(fail_text(), as_json, "each reader has its own sentence");
    remove(path);
    cr_assert_eq(model_open(&request, &m), STATUS_FILE);
    rmdir(folder);
}
