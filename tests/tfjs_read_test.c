/* The TF.js reader: Google's own weights against the ONNX file of the same network, and the
 * spellings of JSON. Operators and damage are tested through the command, in tfjs_*_test.py. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "loader/graph.h"
#include "loader/tfjs/json.h"
#include "tests/shared.h"

/* Nodes that compute something, in order: what is left without Identity and Transpose. */
static size_t workers(const graph *g, const node **list)
{
    size_t count = 0;
    for (size_t i = 0; i < g->node_count; i++)
        if (g->nodes[i].op != GRAPH_IDENTITY && g->nodes[i].op != GRAPH_TRANSPOSE)
            list[count++] = &g->nodes[i];
    return count;
}

/* The worker that makes a value, through Identity and Transpose; NULL: it is the input. */
static const node *maker(const graph *g, int value)
{
    while (g->values[value].producer != GRAPH_ABSENT) {
        const node *n = &g->nodes[g->values[value].producer];
        if (n->op != GRAPH_IDENTITY && n->op != GRAPH_TRANSPOSE) return n;
        value = n->inputs[0];
    }
    return NULL;
}

static void expect_same_constant(const constant *a, const constant *b, const char *name)
{
    cr_assert(a->type == ELEMENT_REAL && b->type == ELEMENT_REAL && a->count == b->count, "%s",
              name);
    cr_assert(memcmp(a->reals, b->reals, (size_t)a->count * sizeof *a->reals) == 0,
              "%s: weights differ", name);
}

static void expect_same_node(const graph *ga, const node *a, const graph *gb, const node *b)
{
    cr_assert_str_eq(a->name, b->name);
    cr_assert(a->op == b->op && a->input_count == b->input_count, "%s", a->name);
    if (a->op == GRAPH_CONV)
        cr_assert(memcmp(&a->as.window, &b->as.window, sizeof(window)) == 0, "%s: windows differ",
                  a->name);
    for (int k = 0; k < a->input_count; k++) {
        const constant *ca = ga->values[a->inputs[k]].constant;
        const constant *cb = gb->values[b->inputs[k]].constant;
        cr_assert(!ca == !cb, "%s, input %d", a->name, k);
        if (ca) {
            expect_same_constant(ca, cb, a->name);
            continue;
        }
        const node *fa = maker(ga, a->inputs[k]), *fb = maker(gb, b->inputs[k]);
        cr_assert(!fa == !fb && (!fa || !strcmp(fa->name, fb->name)), "%s, input %d", a->name, k);
    }
}

Test(tfjs, google_weights_are_the_onnx_file_bit_by_bit, .timeout = 120)
{
    char json[SHARED_PATH_BYTES], onnx[SHARED_PATH_BYTES];
    if (!shared_model("tfjs_posenet_mobilenet_v1_075_stride16/model-stride16.json", json) ||
        !shared_model("posenet_mobilenet_v1_075_stride16.onnx", onnx))
        cr_skip_test("no models: set POSENET_MODELS");
    graph *a, *b;
    cr_assert(tfjs_read_file(json, &a) == STATUS_OK, "%s", fail_text());
    cr_assert(onnx_read_file(onnx, &b) == STATUS_OK, "%s", fail_text());
    const node **list_a = calloc(a->node_count, sizeof *list_a);
    const node **list_b = calloc(b->node_count, sizeof *list_b);
    size_t count = workers(a, list_a);
    cr_assert_eq(count, workers(b, list_b));
    cr_assert_eq(count, 31 + 27);
    for (size_t i = 0; i < count; i++) expect_same_node(a, list_a[i], b, list_b[i]);
    cr_assert_eq(a->output_count, 4);
    free(list_a);
    free(list_b);
    graph_free(&a);
    graph_free(&b);
}

Test(tfjs, edges_are_nhwc_with_official_names)
{
    char json[SHARED_PATH_BYTES];
    if (!shared_model("tfjs_posenet_mobilenet_v1_075_stride16/model-stride16.json", json))
        cr_skip_test("no models: set POSENET_MODELS");
    graph *g;
    cr_assert(tfjs_read_file(json, &g) == STATUS_OK, "%s", fail_text());
    const value *input = &g->values[g->inputs[0]], *output = &g->values[g->outputs[1]];
    cr_assert_str_eq(input->name, "sub_2");
    cr_assert(input->rank == 4 && input->dims[0] == GRAPH_UNKNOWN_DIM && input->dims[3] == 3);
    cr_assert_str_eq(output->name, "MobilenetV1/heatmap_2/BiasAdd");
    cr_assert(output->rank == 4 && output->dims[3] == 17);
    graph_free(&g);
}

/* ---- JSON ---- */

static cJSON *parsed(const char *text)
{
    cJSON *json = NULL;
    cr_assert(tfjs_json_parse(text, strlen(text), &json) == STATUS_OK, "%s: %s", text, fail_text());
    return json;
}

Test(tfjs_json, integers_are_numbers_or_text)
{
    static const struct {
        char text[40];
        int good;
        int64_t value;
    } cases[] = {{"{\"i\":3}", 1, 3},       {"{\"i\":\"-7\"}", 1, -7},
                 {"{\"i\":0}", 1, 0},       {"{\"i\":9007199254740992}", 1, 9007199254740992},
                 {"{\"i\":1.5}", 0, 0},     {"{\"i\":1e300}", 0, 0},
                 {"{\"i\":\"\"}", 0, 0},    {"{\"i\":\"3x\"}", 0, 0},
                 {"{\"i\":\"nan\"}", 0, 0}, {"{\"i\":\"inf\"}", 0, 0},
                 {"{\"i\":null}", 0, 0},    {"{\"i\":[3]}", 0, 0},
                 {"{\"i\":true}", 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *json = parsed(cases[i].text);
        int64_t value = 12345;
        int good = tfjs_json_integer(cJSON_GetObjectItemCaseSensitive(json, "i"), &value);
        cr_assert_eq(good, cases[i].good, "%s", cases[i].text);
        cr_assert(value == (good ? cases[i].value : 12345), "%s", cases[i].text);
        cJSON_Delete(json);
    }
}

Test(tfjs_json, words_are_base64_or_codes)
{
    static const struct {
        char text[80];
        char word[TFJS_WORD]; /* "": refused */
    } cases[] = {{"{\"p\":{\"s\":\"U0FNRQ==\"}}", "SAME"},
                 {"{\"p\":{\"s\":\"U0FNRQ\"}}", "SAME"},
                 {"{\"p\":{\"s\":\"VkFMSUQ=\"}}", "VALID"},
                 {"{\"p\":{\"s\":[83,65,77,69]}}", "SAME"},
                 {"{\"p\":{\"s\":[\"83\",\"65\"]}}", "SA"},
                 {"{\"p\":{\"s\":\"SAME\\u00e9\"}}", ""},
                 {"{\"p\":{\"s\":\"AAAA\"}}", ""},
                 {"{\"p\":{\"s\":[10]}}", ""},
                 {"{\"p\":{\"s\":[300]}}", ""},
                 {"{\"p\":{\"b\":true}}", ""},
                 {"{\"p\":{\"s\":\"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\"}}", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *json = parsed(cases[i].text);
        char word[TFJS_WORD] = "untouched";
        status s = tfjs_attr_word(json, "p", word);
        if (*cases[i].word) {
            cr_assert_eq(s, STATUS_OK, "%s: %s", cases[i].text, fail_text());
            cr_assert_str_eq(word, cases[i].word);
        } else {
            cr_assert_eq(s, STATUS_MODEL, "%s", cases[i].text);
            cr_assert_str_eq(word, "untouched");
        }
        cJSON_Delete(json);
    }
}

Test(tfjs_json, absent_attributes_leave_defaults)
{
    cJSON *json = parsed("{\"empty\":{\"list\":{}}}");
    char word[TFJS_WORD] = "NHWC";
    tfjs_list list = {.count = 1, .values = {9}};
    int64_t integer = 5;
    double real = 0.25;
    cr_assert_eq(tfjs_attr_word(json, "none", word), STATUS_OK);
    cr_assert_eq(tfjs_attr_list(json, "none", &list), STATUS_OK);
    cr_assert_eq(tfjs_attr_list(json, "empty", &list), STATUS_OK);
    cr_assert_eq(tfjs_attr_integer(json, "none", &integer), STATUS_OK);
    cr_assert_eq(tfjs_attr_real(NULL, "none", &real), STATUS_OK);
    cr_assert_str_eq(word, "NHWC");
    cr_assert(list.count == 1 && list.values[0] == 9 && integer == 5 && real == 0.25);
    cJSON_Delete(json);
}
