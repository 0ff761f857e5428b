/* Bytes that are no ONNX model, or one made to harm: refused before memory is spent on them. */
#include "tests/onnx_expect.h"

Test(bytes, random_ones_are_refused)
{
    unsigned char bytes[4096];
    uint64_t state = 88172645463325252u;
    for (int round = 0; round < 500; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            bytes[i] = (unsigned char)(state >> 32);
        }
        expect_bytes_refused(bytes, 1 + (size_t)round * 8, STATUS_MODEL,
                             (const char *const[]){"model in memory: ", NULL});
    }
}

Test(bytes, damage_is_told_with_its_place)
{
    static const struct {
        size_t size;
        unsigned char bytes[16];
        const char *words;
    } cases[] = {
        {0, {0}, "is empty"},
        {1, {0x08}, "damaged at byte 1, in a ModelProto: a number is cut off"},
        {3, {0x08, 0x80, 0x80}, "a number is cut off"},
        {12, {0x08, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1}, "longer than 10 bytes"},
        {2, {0x3a, 0x05}, "a field reaches beyond its message"},
        {4, {0x3a, 0x02, 0x0a, 0x01}, "damaged at byte 2, in a GraphProto: a field reaches"},
        {7, {0x3a, 255, 255, 255, 255, 255, 127}, "a field reaches beyond its message"},
        {5,
         {0xff, 0xd8, 0xff, 0xe0, 0x00},
         "it is no ONNX model: at its first byte a field has an unknown"},
        {2, {0x0b, 0x0c}, "unknown wire type"},
        {2, {0x00, 0x00}, "a number that none can have"},
        {3, {0x0d, 0, 0}, "a field reaches beyond its message"},
        {3, {0x09, 0, 0}, "a field reaches beyond its message"},
        {2, {0x3a, 0x00}, "has no outputs"},
        {2, {0x08, 0x07}, "it holds no graph"},
        {5, {0x12, 3, 'a', 0, 'b'}, "a name holds a zero byte"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_bytes_refused(cases[i].bytes, cases[i].size, STATUS_MODEL,
                             (const char *const[]){"model in memory: ", cases[i].words, NULL});
}

/* Appends a tag and a length before what `size` bytes at the end of the buffer already hold. */
static size_t wrap(unsigned char *end, size_t size, unsigned char tag)
{
    unsigned char length[10];
    size_t n = 0, rest = size;
    for (; rest >= 0x80; rest >>= 7) length[n++] = (unsigned char)(rest | 0x80);
    length[n++] = (unsigned char)rest;
    memcpy(end - size - n, length, n);
    end[-(ptrdiff_t)(size + n) - 1] = tag;
    return size + n + 1;
}

/* 3,000 graphs in attributes of nodes of graphs: protobuf-c alone would run out of stack. */
Test(bytes, deep_nesting_is_refused)
{
    enum { DEEP = 3000, ROOM = 64 * 1024 };
    static unsigned char room[ROOM];
    unsigned char *end = room + ROOM;
    size_t size = 0;
    for (int i = 0; i < DEEP; i++) {
        size = wrap(end, size, 0x32); /* AttributeProto.g */
        size = wrap(end, size, 0x2a); /* NodeProto.attribute */
        size = wrap(end, size, 0x0a); /* GraphProto.node */
    }
    size = wrap(end, size, 0x3a); /* ModelProto.graph */
    expect_bytes_refused(end - size, size, STATUS_MODEL,
                         (const char *const[]){"nested more than 16 deep at byte", NULL});
}

/* Two bytes a message in the file, 258 in memory. */
static void expect_bloat_refused(unsigned char tag, size_t messages, const char *words)
{
    size_t room = 2 * messages + 64;
    unsigned char *bytes = malloc(room);
    cr_assert_not_null(bytes);
    for (size_t i = 0; i < messages; i++) {
        bytes[room - 2 * messages + 2 * i] = tag;
        bytes[room - 2 * messages + 2 * i + 1] = 0;
    }
    size_t size = wrap(bytes + room, 2 * messages, 0x3a);
    expect_bytes_refused(bytes + room - size, size, STATUS_MODEL,
                         (const char *const[]){"model in memory: ", words, NULL});
    free(bytes);
}

Test(bytes, bloat_is_refused)
{
    expect_bloat_refused(0x0a, 1000000, "more than 20000 nodes (at byte ");
    expect_bloat_refused(0x2a, 1000000, "more than 80000 tensors (at byte ");
    expect_bloat_refused(0x6a, 1000000, "more than 80000 described values (at byte ");
    expect_bloat_refused(0x7a, 3000000, "bytes of memory"); /* sparse tensors */
    expect_bloat_refused(0x72, 3000000, "bytes of memory"); /* quantization_annotation */
}
