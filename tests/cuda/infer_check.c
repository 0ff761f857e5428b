/* posenet_infer on device memory, by graphs that read the input where it lies or describe its copy
 * anew in every call, against the same on host memory, which copies and launches apart: the same
 * bits.
 *
 *   infer_check      exit 0: so it is, 1: not, 77: no GPU
 *
 * Two inputs take turns, then more than there are graphs, one of them given back and made anew now
 * and then; layouts and types change from call to call, and heads come and go. */
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/posenet.h"
#include "kernels/cuda/device.h"
#include "kernels/element.h"
#include "tests/tiny_model.h"

enum { SIDE = 33, CELLS = 3, SKIPPED = 77 };
enum { INPUTS = 9, INPUT = SIDE * SIDE * 3, ROOM = CELLS * CELLS * 34 };
enum { FEW = 48, MANY = 90, CALLS = 120 }; /* up to this call 2 inputs take turns, 9, then 3 */
enum { RENEWED = 7 };                      /* one of so many calls has its input made anew */

static int failures;

static void expect(int fine, int call, const char *what)
{
    if (fine) return;
    failures++;
    printf("FAILED  call %d: %s (%s)\n", call, what, posenet_last_error());
}

/* What a call is given; every bit of its number is one question. */
typedef struct request {
    int number;
    posenet_type type;
    int planes; /* the input lies channel by channel */
    int wanted; /* heads, a bit each */
} request;

static posenet_tensor input_of(const request *r, void *data, int on_device)
{
    posenet_tensor t = {.size = sizeof t,
                        .data = data,
                        .type = r->type,
                        .dims = {1, SIDE, SIDE, 3},
                        .on_device = on_device};
    const int64_t strides[4] = {INPUT, SIDE, 1, SIDE * SIDE};
    if (r->planes) memcpy(t.strides, strides, sizeof strides);
    return t;
}

static posenet_status infer(posenet *engine, const request *r, void *data, float *heads,
                            int on_device)
{
    posenet_tensor out[POSENET_HEADS];
    for (int h = 0; h < POSENET_HEADS; h++)
        out[h] = (posenet_tensor){.size = sizeof out[h],
                                  .data = r->wanted >> h & 1 ? heads + h * ROOM : NULL,
                                  .dims = {1, CELLS, CELLS, decode_channels[h]},
                                  .on_device = on_device};
    const posenet_tensor in = input_of(r, data, on_device);
    return posenet_infer(engine, &in, out);
}

static void fill(const request *r, void *data)
{
    for (int i = 0; i < INPUT; i++)
        element_store(data, r->type == POSENET_TYPE_FP16 ? TYPE_FP16 : TYPE_FP32, i,
                      (float)((i * 37 + r->number * 101) % 255) / 127.5f - 1);
}

static size_t input_bytes(const request *r)
{
    return INPUT * (r->type == POSENET_TYPE_FP16 ? sizeof(uint16_t) : sizeof(float));
}

/* Not a byte longer than the tensor. */
static void *input_memory(const request *r)
{
    void *memory = NULL;
    expect(cudaMalloc(&memory, input_bytes(r)) == cudaSuccess, r->number, "cudaMalloc");
    return memory;
}

static void check_call(posenet *engine, const request *r, void *input, float *outputs)
{
    static float data[INPUT], want[POSENET_HEADS * ROOM], got[POSENET_HEADS * ROOM];
    memset(want, 0xff, sizeof want);
    fill(r, data);
    expect(infer(engine, r, data, want, 0) == POSENET_OK, r->number, "host memory");
    int moved = cudaMemcpy(input, data, input_bytes(r), cudaMemcpyDefault) == cudaSuccess &&
                cudaMemset(outputs, 0xff, sizeof got) == cudaSuccess;
    expect(moved, r->number, "cudaMemcpy");
    expect(infer(engine, r, input, outputs, 1) == POSENET_OK, r->number, "device memory");
    moved = cudaMemcpy(got, outputs, sizeof got, cudaMemcpyDefault) == cudaSuccess;
    expect(moved && memcmp(got, want, sizeof got) == 0, r->number, "other heads");
}

static int input_of_call(int number)
{
    return number % (number < FEW ? 2 : number < MANY ? INPUTS : 3);
}

/* Anything at first, then mostly what needs no copy in. */
static request request_of(int number)
{
    int plain = number >= FEW && number % 16 < 12;
    return (request){.number = number,
                     .type = plain || number / 2 % 2 ? POSENET_TYPE_FP16 : POSENET_TYPE_FP32,
                     .planes = !plain && number / 4 % 2,
                     .wanted = number % 3 ? 15 : number % 16};
}

static void check_calls(posenet *engine)
{
    void *inputs[2][INPUTS] = {{NULL}};
    float *outputs = NULL;
    int room = cudaMalloc((void **)&outputs, POSENET_HEADS * ROOM * sizeof(float)) == cudaSuccess;
    expect(room, 0, "cudaMalloc");
    for (int i = 0; room && i < CALLS; i++) {
        const request r = request_of(i);
        void **input = &inputs[r.type == POSENET_TYPE_FP16][input_of_call(i)];
        if (i % RENEWED == 0) {
            (void)cudaFree(*input);
            *input = NULL;
        }
        if (!*input) *input = input_memory(&r);
        if (*input) check_call(engine, &r, *input, outputs);
    }
    for (int i = 0; i < 2 * INPUTS; i++) (void)cudaFree(inputs[i / INPUTS][i % INPUTS]);
    (void)cudaFree(outputs);
}

int main(void)
{
    cuda_device *gpu;
    if (cuda_device_open(0, &gpu) != STATUS_OK) {
        printf("skipped: %s\n", fail_text());
        return SKIPPED;
    }
    size_t size;
    uint8_t *bytes = tiny_model(&(tiny_spec){0}, &size);
    static const posenet_precision precisions[] = {POSENET_PRECISION_FP32, POSENET_PRECISION_FP16};
    for (int i = 0; i < 4; i++) { /* with profile there is no such graph */
        posenet_settings settings;
        posenet_default_settings(&settings, sizeof settings);
        settings.device = POSENET_DEVICE_CUDA;
        settings.precision = precisions[i % 2];
        settings.profile = i / 2;
        settings.normalize = POSENET_NORMALIZE_MOBILENET;
        settings.width = settings.height = SIDE;
        settings.tune = POSENET_TUNE_OFF;
        posenet *engine = NULL;
        expect(posenet_open_memory(&engine, bytes, size, &settings) == POSENET_OK, i, "open");
        if (engine) check_calls(engine);
        posenet_close(&engine);
    }
    free(bytes);
    cuda_device_close(&gpu);
    printf("%s\n", failures ? "FAILED" : "ok: infer reads and copies as told");
    return failures != 0;
}
