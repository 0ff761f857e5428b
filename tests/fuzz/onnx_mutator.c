/* Changes ONNX models as models half of the time, since most changes to their bytes only break the
 * lengths: an operator, a name, a word, a number or a dimension becomes another one, a node comes
 * in between or moves, a tensor's elements go to another file.
 * libFuzzer finds the one function here by its name. */
#include <onnx.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed);

static const char *const operators[] = {"Add",       "BatchNormalization",
                                        "Cast",      "Ceil",
                                        "Clip",      "Concat",
                                        "Constant",  "ConstantOfShape",
                                        "Conv",      "Div",
                                        "Dropout",   "Expand",
                                        "Flatten",   "Floor",
                                        "Gather",    "Identity",
                                        "Max",       "MaxPool",
                                        "Min",       "Mul",
                                        "Pad",       "Relu",
                                        "Reshape",   "Resize",
                                        "Shape",     "Sigmoid",
                                        "Slice",     "Split",
                                        "Sqrt",      "Squeeze",
                                        "Sub",       "Transpose",
                                        "Unsqueeze", "Upsample"};
static const int64_t numbers[] = {0,  1,   2,    3,          4,         5,         7,
                                  8,  -1,  -2,   -4,         9,         16,        1023,
                                  -5, 257, 1024, 2147483647, INT64_MAX, INT64_MIN, 1099511627776};

static const char *const words[] = {
    "NOTSET",     "SAME_UPPER", "SAME_LOWER",    "VALID",   "nearest", "linear",
    "constant",   "reflect",    "edge",          "wrap",    "ceil",    "floor",
    "asymmetric", "half_pixel", "align_corners", "stretch", "DCR",     "pytorch_half_pixel"};
static const char *const places[] = {"data", "nothing", "../data", "./data", "/data", "a/../data"};
static const char *const offsets[] = {"0", "4", "4092", "4095", "4096", "-1", "1e3", "99999999999"};

#define PICK(list) ((list)[next(state) % (sizeof(list) / sizeof *(list))])

static unsigned next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

/* protobuf-c's default allocator is malloc, so a text can be replaced in place. NULL: no name. */
static void set_text(char **text, const char *other)
{
    char *copy = malloc(other ? strlen(other) + 1 : 1);
    if (!copy) return;
    strcpy(copy, other ? other : "");
    if (*text && *text != (const char *)protobuf_c_empty_string) free(*text);
    *text = copy;
}

static const char *any_name(const Onnx__GraphProto *g, uint64_t *state)
{
    size_t which = next(state) % 4;
    if (which == 0 && g->n_initializer) return g->initializer[next(state) % g->n_initializer]->name;
    if (which == 1 && g->n_input) return g->input[next(state) % g->n_input]->name;
    if (which == 2 && g->n_node) {
        const Onnx__NodeProto *n = g->node[next(state) % g->n_node];
        if (n->n_output) return n->output[next(state) % n->n_output];
    }
    return "";
}

static void change_attribute(Onnx__AttributeProto *a, uint64_t *state)
{
    static const float reals[] = {0, 1, -1, 0.5f, 6, 1e-5f, 1e30f, 2};
    if (a->has_i) a->i = PICK(numbers);
    if (a->has_f) a->f = PICK(reals);
    if (a->n_ints) a->ints[next(state) % a->n_ints] = PICK(numbers);
    if (a->n_ints > 1 && next(state) % 4 == 0) a->n_ints--;
    if (a->s.len) {
        char *word = NULL;
        set_text(&word, PICK(words));
        if (!word) return;
        free(a->s.data);
        a->s = (ProtobufCBinaryData){.len = strlen(word), .data = (uint8_t *)word};
    }
    if (a->n_floats) a->floats[next(state) % a->n_floats] = PICK(reals);
}

static void change_node(Onnx__GraphProto *g, Onnx__NodeProto *n, uint64_t *state)
{
    switch (next(state) % 4) {
    case 0: set_text(&n->op_type, PICK(operators)); break;
    case 1:
        if (n->n_input) set_text(&n->input[next(state) % n->n_input], any_name(g, state));
        break;
    case 2:
        if (n->n_output) set_text(&n->output[next(state) % n->n_output], any_name(g, state));
        break;
    default:
        if (n->n_attribute) change_attribute(n->attribute[next(state) % n->n_attribute], state);
    }
}

/* A new message in a list that protobuf-c made; NULL if memory is out. */
static void *append(void ***list, size_t *count, size_t size)
{
    void **longer = realloc(*list, (*count + 1) * sizeof **list);
    if (!longer) return NULL;
    *list = longer;
    void *made = calloc(1, size);
    if (made) longer[(*count)++] = made;
    return made;
}

/* A node of one input comes between a node and what it reads. */
static void insert_node(Onnx__GraphProto *g, uint64_t *state)
{
    size_t at = next(state) % g->n_node;
    Onnx__NodeProto *reader = g->node[at];
    void **list = (void **)g->node;
    char name[32];
    if (!reader->n_input || g->n_node > 64) return;
    char **input = &reader->input[next(state) % reader->n_input];
    Onnx__NodeProto *made = append(&list, &g->n_node, sizeof *made);
    g->node = (Onnx__NodeProto **)list;
    if (!made) return;
    onnx__node_proto__init(made);
    snprintf(name, sizeof name, "between%u", next(state) % 1000);
    made->input = calloc(1, sizeof *made->input);
    made->output = calloc(1, sizeof *made->output);
    if (!made->input || !made->output) return;
    made->n_input = made->n_output = 1;
    set_text(&made->op_type, PICK(operators));
    set_text(&made->input[0], *input);
    set_text(&made->output[0], name);
    set_text(input, name);
    memmove(g->node + at + 1, g->node + at, (g->n_node - 1 - at) * sizeof *g->node);
    g->node[at] = made;
}

static void add_entry(Onnx__TensorProto *t, const char *key, const char *value)
{
    void **list = (void **)t->external_data;
    Onnx__StringStringEntryProto *made = append(&list, &t->n_external_data, sizeof *made);
    t->external_data = (Onnx__StringStringEntryProto **)list;
    if (!made) return;
    onnx__string_string_entry_proto__init(made);
    set_text(&made->key, key);
    set_text(&made->value, value);
}

/* The elements stand in another file, or the place where they stand there is another one. */
static void change_place(Onnx__TensorProto *t, uint64_t *state)
{
    if (!t->n_external_data) {
        t->has_data_location = 1;
        t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
        add_entry(t, "location", "data");
        add_entry(t, next(state) % 2 ? "offset" : "length", PICK(offsets));
        return;
    }
    Onnx__StringStringEntryProto *e = t->external_data[next(state) % t->n_external_data];
    set_text(&e->value, e->key && !strcmp(e->key, "location") ? PICK(places) : PICK(offsets));
}

/* A dimension, with or without as many elements as it then needs, or an integer among them. */
static void change_tensor(Onnx__TensorProto *t, uint64_t *state)
{
    int64_t number = PICK(numbers);
    size_t old = t->raw_data.len;
    if (next(state) % 2 && t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64 && old >= 8) {
        memcpy(t->raw_data.data + next(state) % (old / 8) * 8, &number, 8);
        return;
    }
    if (!t->n_dims) return;
    int64_t *dim = &t->dims[next(state) % t->n_dims];
    int64_t elements = *dim > 0 ? (int64_t)old / *dim : 0;
    *dim = number;
    if (next(state) % 4 == 0 || number <= 0 || number > 64 || elements * number > 65536) return;
    unsigned char *larger = calloc(1, (size_t)(elements * number) + 1);
    if (!larger) return;
    size_t size = (size_t)(elements * number);
    if (old) memcpy(larger, t->raw_data.data, old < size ? old : size);
    free(t->raw_data.data);
    t->raw_data.data = larger;
    t->raw_data.len = size;
}

static void change_input(Onnx__ValueInfoProto *info, uint64_t *state)
{
    Onnx__TypeProto *type = info->type;
    if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) return;
    Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    if (!shape || !shape->n_dim) return;
    Onnx__TensorShapeProto__Dimension *d = shape->dim[next(state) % shape->n_dim];
    if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
        d->dim_value = PICK(numbers);
    if (next(state) % 8 == 0) type->tensor_type->elem_type = (int32_t)(next(state) % 17);
}

static void change_order(Onnx__GraphProto *g, uint64_t *state)
{
    size_t a = next(state) % g->n_node, b = next(state) % g->n_node;
    Onnx__NodeProto *moved = g->node[a];
    g->node[a] = g->node[b];
    g->node[b] = moved;
}

static void change_model(Onnx__ModelProto *m, uint64_t *state)
{
    Onnx__GraphProto *g = m->graph;
    switch (next(state) % 12) {
    case 0:
        if (m->n_opset_import) m->opset_import[0]->version = 7 + next(state) % 20;
        break;
    case 1:
        if (g->n_node) change_order(g, state);
        break;
    case 2:
        if (g->n_input) change_input(g->input[next(state) % g->n_input], state);
        break;
    case 3:
    case 4:
    case 5:
        if (g->n_initializer) change_tensor(g->initializer[next(state) % g->n_initializer], state);
        break;
    case 6:
        if (g->n_initializer) change_place(g->initializer[next(state) % g->n_initializer], state);
        break;
    case 7:
        if (g->n_node) insert_node(g, state);
        break;
    default:
        if (g->n_node) change_node(g, g->node[next(state) % g->n_node], state);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed)
{
    uint64_t state = seed * 2654435761u + 1;
    Onnx__ModelProto *m = next(&state) % 2 ? onnx__model_proto__unpack(NULL, size, data) : NULL;
    if (!m || !m->graph) {
        if (m) onnx__model_proto__free_unpacked(m, NULL);
        return LLVMFuzzerMutate(data, size, room);
    }
    for (unsigned changes = 1 + next(&state) % 3; changes; changes--) change_model(m, &state);
    size_t packed = onnx__model_proto__get_packed_size(m);
    if (packed && packed <= room) size = onnx__model_proto__pack(m, data);
    onnx__model_proto__free_unpacked(m, NULL);
    return size;
}
