/* The TF.js writer: what it writes can be read back, and what TF.js cannot say is refused. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loader/tfjs/write.h"
#include "tests/graph_make.h"

enum { PATH_BYTES = 128 };

/* Writes the graph, reads it back into *back if that is not NULL, and leaves no file. */
static status there_and_back(const graph *g, graph **back)
{
    char folder[] = "/tmp/posenet-test-XXXXXX", path[PATH_BYTES], shard[PATH_BYTES];
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model.json", folder);
    snprintf(shard, sizeof shard, "%s/group1-shard1of1.bin", folder);
    status s = tfjs_write_file(g, path, 4);
    if (s == STATUS_OK)
        cr_assert_eq(tfjs_read_file(path, back), STATUS_OK, "%s", fail_text());
    else
        cr_assert_neq(access(path, F_OK), 0);
    unlink(path);
    unlink(shard);
    cr_assert_eq(rmdir(folder), 0);
    return s;
}

static void expect_refused(graph *g, const char *words)
{
    graph *back = NULL;
    cr_assert_eq(there_and_back(g, &back), STATUS_UNSUPPORTED);
    cr_assert(strstr(fail_text(), words), "%s", fail_text());
    graph_free(&g);
}

/* x, an NHWC picture of 3 channels, as NCHW. */
static int begin(graph *g)
{
    return make_transpose(g, make_input(g, "x", 4), 0, 3, 1, 2);
}

static void end(graph *g, int x, const char *name)
{
    make_output(g, make_transpose(g, x, 0, 2, 3, 1), name);
}

static int named_conv(graph *g, int x)
{
    int id = make_conv(g, x, 4, 3, 3);
    g->values[last_node(g)->inputs[1]].name = "weights";
    g->values[last_node(g)->inputs[2]].name = "bias";
    return id;
}

/* Values without a name, constants that share one, a constant first and at the NHWC edge. */
Test(tfjs_write, names_are_made_unique)
{
    graph *g = make_graph(), *back = NULL;
    int x = make_input(g, "x", 4), one = make_real(g, 1.0f);
    int turned = make_transpose(g, MAKE(g, GRAPH_SUB, one, x), 0, 3, 1, 2);
    end(g, named_conv(g, turned), "first");
    end(g, named_conv(g, turned), "second");
    cr_assert_eq(there_and_back(g, &back), STATUS_OK, "%s", fail_text());
    cr_assert_eq(back->output_count, 2);
    cr_assert_str_eq(back->values[back->outputs[0]].name, "first");
    cr_assert_str_eq(back->values[back->outputs[1]].name, "second");
    int convolutions = 0, differences = 0;
    for (size_t i = 0; i < back->node_count; i++) {
        convolutions += back->nodes[i].op == GRAPH_CONV;
        differences += back->nodes[i].op == GRAPH_SUB;
    }
    cr_assert_eq(convolutions, 2);
    cr_assert_eq(differences, 1);
    graph_free(&g);
    graph_free(&back);
}

Test(tfjs_write, a_network_that_is_nchw_all_through)
{
    graph *g = make_graph();
    make_output(g, named_conv(g, make_input(g, "x", 4)), "y");
    expect_refused(g, "not NCHW");
}

Test(tfjs_write, transposes_that_are_no_change_of_layout)
{
    graph *g = make_graph();
    end(g, named_conv(g, make_transpose(g, begin(g), 0, 1, 3, 2)), "y");
    expect_refused(g, "Transpose");
    g = make_graph();
    int x = begin(g);
    MAKE(g, GRAPH_TRANSPOSE, x); /* reversed, as no permutation says */
    make_output(g, last_node(g)->outputs[0], "y");
    expect_refused(g, "Transpose");
}

Test(tfjs_write, pictures_of_two_layouts)
{
    graph *g = make_graph();
    int x = make_input(g, "x", 4);
    end(g, MAKE(g, GRAPH_ADD, make_transpose(g, x, 0, 3, 1, 2), x), "y");
    expect_refused(g, "two layouts");
}

/* A Split whose first part nobody asked for. */
Test(tfjs_write, outputs_that_are_left_out)
{
    graph *g = make_graph();
    int x = begin(g), sizes = INTEGERS(g, 1, 2), part;
    node *n;
    cr_assert_eq(graph_add_value(g, "part", ELEMENT_REAL, &part), STATUS_OK);
    cr_assert_eq(graph_add_node(g, GRAPH_SPLIT, "split", (const int[]){x, sizes}, 2,
                                (const int[]){GRAPH_ABSENT, part}, 2, &n),
                 STATUS_OK);
    n->as.axis = 1;
    end(g, part, "y");
    expect_refused(g, "split");
}

/* Without a signature an output is a node that nobody reads. */
Test(tfjs_write, an_output_that_is_read)
{
    graph *g = make_graph();
    int x = named_conv(g, begin(g));
    end(g, x, "first");
    end(g, MAKE(g, GRAPH_RELU, x), "second");
    expect_refused(g, "first");
    g = make_graph();
    x = named_conv(g, begin(g));
    end(g, x, "first");
    end(g, x, "second");
    expect_refused(g, "second");
}

/* Wider than what is read back. */
Test(tfjs_write, a_wide_dilation)
{
    static const int dilations[] = {64, 65}, kernels[] = {33, 3};
    for (int i = 0; i < 2; i++) {
        graph *g = make_graph();
        int x = make_conv(g, begin(g), 4, 3, kernels[i]);
        last_node(g)->as.window.dilation[0] = last_node(g)->as.window.dilation[1] = dilations[i];
        end(g, x, "y");
        expect_refused(g, i ? "dilation 65" : "pads 1024");
    }
}

/* TensorFlow reads "y:1" as the second output of y, and "^y" as an order of events. */
Test(tfjs_write, names_that_mean_something_else)
{
    static const char *const names[] = {"y:1", "^y"};
    for (int i = 0; i < 2; i++) {
        graph *g = make_graph();
        end(g, named_conv(g, begin(g)), names[i]);
        expect_refused(g, names[i]);
    }
}

/* What a node is made of has names under the node's; another node may be called that. */
Test(tfjs_write, names_that_are_taken)
{
    graph *g = make_graph();
    int x = begin(g), y = named_conv(g, x);
    int z = MAKE(g, GRAPH_RELU, x);
    g->values[z].name = "y/conv";
    end(g, MAKE(g, GRAPH_ADD, y, z), "sum");
    g->values[y].name = "y";
    expect_refused(g, "y/conv");
}
