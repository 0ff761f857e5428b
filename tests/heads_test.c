/* Which outputs are the heads, and the stride: by tables. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/model/heads.h"

enum { MOST_OUTPUTS = 8 };

typedef struct naming {
    head_candidate outputs[MOST_OUTPUTS];
    const char *wanted[DECODE_HEADS];
    int found[DECODE_HEADS];
    const char *refused; /* words of the sentence; NULL: found */
} naming;

static const naming namings[] = {
    {{{"heatmap", 17}, {"offset", 34}, {"displacement_fwd", 32}, {"displacement_bwd", 32}},
     {0},
     {0, 1, 2, 3},
     NULL},
    /* BodyPix, as found in the wild. */
    {{{"displacement_bwd", 32},
      {"displacement_fwd", 32},
      {"heatmaps", 17},
      {"long_offsets", 34},
      {"part_heatmaps", 24},
      {"part_offsets", 48},
      {"segments", 1},
      {"short_offsets", 34}},
     {0},
     {2, 7, 1, 0},
     NULL},
    /* ResNet50's order and capitals. */
    {{{"Resnet/Displacement_Fwd_2/BiasAdd:0", 32},
      {"Resnet/Displacement_Bwd_2/BiasAdd:0", 32},
      {"float_short_offsets", 34},
      {"float_HEATMAPS", 17}},
     {0},
     {3, 2, 0, 1},
     NULL},
    /* Channels tell what names do not. */
    {{{"a", 17}, {"b", 34}, {"displacement_fwd", 32}, {"c", 32}}, {0}, {0, 1, 2, 3}, NULL},
    {{{"a", 32}, {"b", 34}, {"c", 17}, {"d", 32}}, {NULL, NULL, "d", NULL}, {2, 1, 3, 0}, NULL},
    {{{"a", 32}, {"b", 34}, {"c", 17}, {"d", 32}},
     {0},
     {0},
     "\"a\" and \"d\" both have 32 channels"},
    {{{"a", 17}, {"b", 17}, {"offset", 34}, {"displacement_fwd", 32}, {"displacement_bwd", 32}},
     {0},
     {0},
     "\"a\" and \"b\" both have 17 channels"},
    /* An output of another kind is never taken for a head, whatever its channels. */
    {{{"heatmap", 17}, {"long_offsets", 34}, {"displacement_fwd", 32}, {"displacement_bwd", 32}},
     {0},
     {0},
     "no output is the offset"},
    {{{"heatmap", 5}, {"offset", 34}, {"displacement_fwd", 32}, {"displacement_bwd", 32}},
     {0},
     {0},
     "no output is the heatmap (17 channels"},
    {{{"heatmap", HEAD_NO_MAP},
      {"x", 17},
      {"offset", 34},
      {"displacement_fwd", 32},
      {"displacement_bwd", 32}},
     {0},
     {1, 2, 3, 4},
     NULL},
    {{{"heatmap", 17},
      {"heatmap_2", 17},
      {"offset", 34},
      {"displacement_fwd", 32},
      {"displacement_bwd", 32}},
     {0},
     {0},
     "\"heatmap\" and \"heatmap_2\" both look like the heatmap"},
    {{{"heatmap", 17},
      {"heatmap_2", 17},
      {"offset", 34},
      {"displacement_fwd", 32},
      {"displacement_bwd", 32}},
     {"heatmap_2", NULL, NULL, NULL},
     {1, 2, 3, 4},
     NULL},
    {{{"heatmap", 17}, {"offset", 34}, {"displacement_fwd", 32}, {"displacement_bwd", 32}},
     {NULL, "nothing", NULL, NULL},
     {0},
     "no output is named \"nothing\", asked for as the offset"},
    {{{"heatmap", 17}, {"offset", 34}, {"displacement_fwd", 32}, {"displacement_bwd", 32}},
     {NULL, "heatmap", NULL, NULL},
     {0},
     "output \"heatmap\" has 17 channels, the offset has 34"},
    {{{"heatmap", 17}, {"offset", HEAD_NO_MAP}},
     {NULL, "offset", NULL, NULL},
     {0},
     "output \"offset\" is no map of cells"},
};

Test(heads, are_found_by_name_and_then_by_channels)
{
    for (size_t i = 0; i < sizeof namings / sizeof *namings; i++) {
        const naming *n = &namings[i];
        int count = 0, found[DECODE_HEADS];
        while (count < MOST_OUTPUTS && n->outputs[count].name) count++;
        status code = heads_find("m.onnx", n->outputs, count, n->wanted, found);
        if (n->refused) {
            cr_expect_eq(code, STATUS_MODEL, "case %zu", i);
            cr_expect(strstr(fail_text(), n->refused), "case %zu: %s", i, fail_text());
            cr_expect_eq(strncmp(fail_text(), "m.onnx: ", 8), 0);
            continue;
        }
        cr_expect_eq(code, STATUS_OK, "case %zu: %s", i, fail_text());
        cr_expect_eq(memcmp(found, n->found, sizeof found), 0, "case %zu", i);
    }
}

Test(heads, only_what_may_be_a_head_is_lowered)
{
    head_candidate named[] = {
        {"segments", 0},         {"heatmaps", 0},     {"part_heatmaps", 0},    {"short_offsets", 0},
        {"displacement_fwd", 0}, {"long_offsets", 0}, {"displacement_bwd", 0}, {"part_offsets", 0}};
    int keep[8], want[8] = {0, 1, 0, 1, 1, 0, 1, 0};
    heads_worth_lowering(named, 8, NULL, keep);
    cr_assert_eq(memcmp(keep, want, sizeof keep), 0);
    named[1].name = "out";
    heads_worth_lowering(named, 8, NULL, keep);
    for (int i = 0; i < 8; i++) cr_assert_eq(keep[i], 1);
    heads_worth_lowering(named, 8, (const char *const[DECODE_HEADS]){"out", NULL, NULL, NULL},
                         keep);
    cr_assert_eq(memcmp(keep, want, sizeof keep), 0);
}

Test(heads, stride_follows_from_sizes)
{
    static const struct {
        int side, cells, stride;
    } cases[] = {{257, 17, 16}, {257, 33, 8}, {257, 9, 32},   {33, 2, 32},   {2049, 65, 32},
                 {256, 16, 16}, {288, 9, 32}, {224, 28, 8},   {353, 23, 16}, {353, 45, 8},
                 {101, 6, 20},  {33, 1, 0},   {100, 1000, 0}, {225, 0, 0},   {100, 42, 0},
                 {513, 513, 1}, {0, 2, 0},    {225, -3, 0},   {65, 2, 64},   {481, 31, 16}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(heads_stride(cases[i].side, cases[i].cells), cases[i].stride, "%d over %d: %d",
                     cases[i].side, cases[i].cells, heads_stride(cases[i].side, cases[i].cells));
}

Test(heads, a_sigmoid_is_seen_through_moves)
{
    tensor tensors[5] = {{0}};
    step steps[] = {
        {.op = OP_CONV, .input_count = 1, .inputs = {0}, .output = 1},
        {.op = OP_ACTIVATE, .input_count = 1, .inputs = {1}, .output = 2},
        {.op = OP_PERMUTE, .input_count = 1, .inputs = {2}, .output = 3},
        {.op = OP_COPY, .input_count = 1, .inputs = {3}, .output = 4},
    };
    steps[1].as.act.kind = ACTIVATION_SIGMOID;
    network net = {5, 4, tensors, steps};
    cr_assert_eq(heads_has_sigmoid(&net, 4), 1);
    cr_assert_eq(heads_has_sigmoid(&net, 1), 0);
    cr_assert_eq(heads_has_sigmoid(&net, 0), 0);
    steps[0].as.conv.act.kind = ACTIVATION_SIGMOID;
    cr_assert_eq(heads_has_sigmoid(&net, 1), 1);
    steps[1].as.act.kind = ACTIVATION_CLAMP;
    cr_assert_eq(heads_has_sigmoid(&net, 4), 0);
}
