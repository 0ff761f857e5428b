/* The graph itself: order, what a sort refuses, sizes, and names in sentences. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "loader/graph.h"
#include "loader/limits.h"
#include "loader/name_table.h"
#include "loader/names.h"

static graph *new_graph(void)
{
    graph *g;
    cr_assert(graph_new(&g, "test.onnx") == STATUS_OK);
    return g;
}

static int add_value(graph *g, const char *name)
{
    int id;
    cr_assert(graph_add_value(g, name, ELEMENT_REAL, &id) == STATUS_OK);
    return id;
}

static void add_relu(graph *g, const char *name, int from, int to)
{
    node *n;
    cr_assert(graph_add_node(g, GRAPH_RELU, name, &from, 1, &to, 1, &n) == STATUS_OK);
}

static void expect_refusal(graph *g, const char *what)
{
    fail_clear();
    cr_assert(graph_sort(g) == STATUS_MODEL);
    cr_assert(strstr(fail_text(), what), "%s", fail_text());
    cr_assert(strstr(fail_text(), "test.onnx: "), "%s", fail_text());
}

Test(graph, sort_keeps_the_order_of_a_sorted_file)
{
    graph *g = new_graph();
    int x = add_value(g, "x"), a = add_value(g, "a"), b = add_value(g, "b"), c = add_value(g, "c");
    cr_assert(graph_add_input(g, x) == STATUS_OK);
    add_relu(g, "one", x, a);
    add_relu(g, "two", x, b);
    add_relu(g, "three", a, c);
    cr_assert(graph_add_output(g, c) == STATUS_OK);
    cr_assert(graph_sort(g) == STATUS_OK);
    cr_assert_str_eq(g->nodes[0].name, "one");
    cr_assert_str_eq(g->nodes[1].name, "two");
    cr_assert_str_eq(g->nodes[2].name, "three");
    graph_free(&g);
    cr_assert_null(g);
}

Test(graph, sort_puts_producers_first)
{
    graph *g = new_graph();
    int x = add_value(g, "x"), a = add_value(g, "a"), b = add_value(g, "b"), c = add_value(g, "c");
    cr_assert(graph_add_input(g, x) == STATUS_OK);
    add_relu(g, "last", b, c);
    add_relu(g, "middle", a, b);
    add_relu(g, "first", x, a);
    cr_assert(graph_add_output(g, c) == STATUS_OK);
    cr_assert(graph_sort(g) == STATUS_OK);
    cr_assert_str_eq(g->nodes[0].name, "first");
    cr_assert_str_eq(g->nodes[2].name, "last");
    cr_assert_eq(g->values[a].producer, 0);
    cr_assert_eq(g->values[c].producer, 2);
    cr_assert_eq(g->values[x].producer, GRAPH_ABSENT);
    graph_free(&g);
}

Test(graph, sort_refuses_a_cycle)
{
    graph *g = new_graph();
    int a = add_value(g, "a"), b = add_value(g, "b");
    add_relu(g, "there", a, b);
    add_relu(g, "back", b, a);
    expect_refusal(g, "depends on its own output");
    graph_free(&g);

    g = new_graph();
    a = add_value(g, "a");
    add_relu(g, "self", a, a);
    expect_refusal(g, "\"self\" (Relu): its input \"a\" depends on its own output");
    graph_free(&g);
}

Test(graph, sort_refuses_what_is_made_twice_or_never)
{
    graph *g = new_graph();
    int x = add_value(g, "x"), a = add_value(g, "a");
    cr_assert(graph_add_input(g, x) == STATUS_OK);
    add_relu(g, "one", x, a);
    add_relu(g, "two", x, a);
    expect_refusal(g, "value \"a\" is made twice, by node \"one\" and \"two\"");
    graph_free(&g);

    g = new_graph();
    x = add_value(g, "x"), a = add_value(g, "a");
    add_relu(g, "one", x, a);
    expect_refusal(g, "node \"one\" (Relu): nothing makes its input \"x\"");
    graph_free(&g);

    g = new_graph();
    x = add_value(g, "x"), a = add_value(g, "a");
    cr_assert(graph_add_input(g, x) == STATUS_OK);
    add_relu(g, "one", x, x);
    expect_refusal(g, "is an input of the network already");
    graph_free(&g);

    g = new_graph();
    x = add_value(g, "x");
    cr_assert(graph_add_output(g, x) == STATUS_OK);
    expect_refusal(g, "nothing makes the network's output \"x\"");
    graph_free(&g);

    g = new_graph();
    x = add_value(g, "x");
    int c;
    cr_assert(graph_add_real(g, "c", 1, &c) == STATUS_OK);
    cr_assert(graph_add_input(g, x) == STATUS_OK);
    add_relu(g, "one", x, c);
    expect_refusal(g, "is a constant already");
    graph_free(&g);
}

/* Of this process's own work, so that a busy machine fails no test. */
static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Written backwards, so that the depth first walk goes as deep as there are nodes. */
Test(graph, a_chain_of_the_most_nodes_sorts_quickly)
{
    graph *g = new_graph();
    double start = seconds();
    int before = add_value(g, "x");
    cr_assert(graph_add_input(g, before) == STATUS_OK);
    int *ids = heap_array(LIMIT_NODES + 1, sizeof *ids);
    cr_assert_not_null(ids);
    ids[0] = before;
    for (int i = 1; i <= LIMIT_NODES; i++) ids[i] = add_value(g, NULL);
    for (int i = LIMIT_NODES; i > 0; i--) add_relu(g, NULL, ids[i - 1], ids[i]);
    cr_assert(graph_sort(g) == STATUS_OK);
    for (int i = 0; i < LIMIT_NODES; i++) cr_assert_eq(g->nodes[i].inputs[0], ids[i]);
    cr_assert_lt(seconds() - start, 5);

    node *n;
    fail_clear();
    cr_assert(graph_add_node(g, GRAPH_RELU, "more", &ids[0], 1, &ids[1], 1, &n) == STATUS_MODEL);
    cr_assert(strstr(fail_text(), "more than 20000 nodes"), "%s", fail_text());
    free(ids);
    graph_free(&g);
}

Test(graph, nodes_without_a_name_get_one)
{
    graph *g = new_graph();
    int x = add_value(g, "x"), a = add_value(g, NULL);
    add_relu(g, "", x, a);
    cr_assert_str_eq(g->nodes[0].name, "Relu_0");
    cr_assert_str_eq(g->values[a].name, "");
    cr_assert_str_eq(graph_op_name(GRAPH_MAX_POOL), "MaxPool");
    for (int op = 0; op < GRAPH_OP_COUNT; op++) cr_assert_not_null(graph_op_name((graph_op)op));
    cr_assert_str_eq(graph_op_name(GRAPH_OP_COUNT), "unknown");
    graph_free(&g);
}

Test(graph, element_counts_are_checked)
{
    int64_t count = -1;
    cr_assert(graph_element_count((int64_t[]){2, 3, 4}, 3, "w", &count) == STATUS_OK);
    cr_assert_eq(count, 24);
    cr_assert(graph_element_count(NULL, 0, "w", &count) == STATUS_OK);
    cr_assert_eq(count, 1);
    cr_assert(graph_element_count((int64_t[]){5, 0}, 2, "w", &count) == STATUS_OK);
    cr_assert_eq(count, 0);
    static const struct {
        int64_t dims[4];
        const char *words;
    } bad[] = {
        {{1, -1, 1, 1}, "w: dimension 1 is -1"},
        {{1LL << 40, 1, 1, 1}, "w: dimension 0 is 1099511627776, more than"},
        {{1 << 16, 1 << 16, 1, 1}, "w: more than 2147483647 elements"},
        {{1LL << 31, 1LL << 31, 1LL << 31, 1LL << 31}, "w: more than"},
        {{0, 1, 1, -5}, "w: dimension 3 is -5"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fail_clear();
        cr_assert(graph_element_count(bad[i].dims, 4, "w", &count) == STATUS_MODEL);
        cr_assert(strstr(fail_text(), bad[i].words), "%s", fail_text());
    }
}

Test(names, are_printable_and_bounded)
{
    cr_assert_str_eq(name_show("conv1/weights:0").text, "conv1/weights:0");
    cr_assert_str_eq(name_show(NULL).text, "");
    cr_assert_str_eq(name_show("a\nb\x7f").text, "a\\x0ab\\x7f");
    cr_assert_str_eq(name_show("gr\xc3\xbc\xc3\x9f \xe2\x82\xac").text,
                     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac");
    cr_assert_str_eq(name_show("\xff\xc3").text, "\\xff\\xc3");
    cr_assert_str_eq(name_show("\xc2\x9b").text, "\\xc2\\x9b", "a C1 control character");
    char text[400];
    memset(text, 'n', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cr_assert_eq(strlen(name_show(text).text), NAME_SHOWN_BYTES - 1);
    cr_assert(strstr(name_show(text).text, "nnn..."));
    char small[8];
    name_print(small, sizeof small, "\n\n\n", 3);
    cr_assert_str_eq(small, "\\x0a...");
    name_print(small, sizeof small, "1234567", 7);
    cr_assert_str_eq(small, "1234567");
}

Test(names, copies_are_bounded_by_the_limit)
{
    graph *g = new_graph();
    static char text[LIMIT_NAME_BYTES + 2];
    int id;
    memset(text, '\n', LIMIT_NAME_BYTES);
    cr_assert(graph_add_value(g, text, ELEMENT_REAL, &id) == STATUS_OK);
    cr_assert_eq(strlen(g->values[id].name), 4 * LIMIT_NAME_BYTES);
    text[LIMIT_NAME_BYTES] = 'x';
    fail_clear();
    cr_assert(graph_add_value(g, text, ELEMENT_REAL, &id) == STATUS_MODEL);
    cr_assert(strstr(fail_text(), "4097 bytes long"), "%s", fail_text());
    graph_free(&g);
}

Test(names, a_table_finds_every_name)
{
    enum { NAMES = 5000 };
    static char names[NAMES][8];
    name_table t;
    name_table_begin(&t);
    cr_assert_eq(name_table_find(&t, "0", -7), -7);
    for (int i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        cr_assert(name_table_add(&t, names[i], i) == STATUS_OK);
    }
    for (int i = 0; i < NAMES; i++) cr_assert_eq(name_table_find(&t, names[i], -7), i);
    cr_assert_eq(name_table_find(&t, "5000", -7), -7);
    name_table_end(&t);
}
