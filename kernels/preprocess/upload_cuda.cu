// The kernel of upload_cuda.h. A line of threads moves the rows of one picture that one row of the
// network's input is the first to read, at most two when the picture is shrunk, then those of
// another. Few blocks keep the bus busy, and the next kernel does not start early: its blocks would
// wait for the bus on every multiprocessor, where other frames compute meanwhile.
#include "kernels/preprocess/upload_cuda.h"

#include <cuda_runtime.h>

#include "kernels/cuda/cuda.h"

namespace
{

const int ACROSS = 128, LINES = 4, BLOCKS = 16; // blocks: of a picture
const int AT_ONCE = 4;                          // pieces that a thread has on the way

typedef uint4 piece;
static_assert(sizeof(piece) == UPLOAD_ALIGNMENT);
static_assert(sizeof(upload_image) % sizeof(piece) == 0);

// The bytes up to the first and from the last whole piece on move one by one.
__device__ void copy_row(uint8_t *to, const uint8_t *from, int bytes)
{
    int misaligned = static_cast<int>(reinterpret_cast<uintptr_t>(from) % sizeof(piece));
    int head = misaligned ? static_cast<int>(sizeof(piece)) - misaligned : 0;
    if (head > bytes) head = bytes;
    int pieces = (bytes - head) / static_cast<int>(sizeof(piece));
    int tail = head + pieces * static_cast<int>(sizeof(piece));
    const piece *pieces_from = reinterpret_cast<const piece *>(from + head);
    piece *pieces_to = reinterpret_cast<piece *>(to + head);
    for (int first = threadIdx.x; first < pieces; first += ACROSS * AT_ONCE) {
        piece held[AT_ONCE];
#pragma unroll
        for (int k = 0; k < AT_ONCE; k++)
            if (first + k * ACROSS < pieces) held[k] = pieces_from[first + k * ACROSS];
#pragma unroll
        for (int k = 0; k < AT_ONCE; k++)
            if (first + k * ACROSS < pieces) pieces_to[first + k * ACROSS] = held[k];
    }
    int i = threadIdx.x;
    if (i < head) to[i] = from[i];
    if (i < bytes - tail) to[tail + i] = from[tail + i];
}

// What the network's input row `at` is the first to read.
__device__ void copy_rows_for(const upload_image &image, int at)
{
    int first, count = letterbox_new_rows(&image.box, at, &first);
    for (int i = 0; count && i < image.planes; i++) {
        const upload_plane &p = image.plane[i];
        int last = (first + count - 1) >> p.halved;
        for (int row = first >> p.halved; row <= last; row++)
            copy_row(p.to + row * p.to_pitch, p.from + row * p.from_pitch, p.bytes);
    }
}

__global__ void __launch_bounds__(ACROSS *LINES) upload(upload_request r)
{
    __shared__ __align__(16) upload_image image;
    int thread = threadIdx.y * ACROSS + threadIdx.x;
    if (thread < static_cast<int>(sizeof image / sizeof(piece)))
        reinterpret_cast<piece *>(&image)[thread] =
            reinterpret_cast<const piece *>(&r.images[blockIdx.y])[thread];
    if (blockIdx.x == 0 && blockIdx.y == 0) {
        for (size_t i = thread; i < r.descriptor_bytes / sizeof(piece); i += ACROSS * LINES)
            static_cast<piece *>(r.descriptor_to)[i] =
                static_cast<const piece *>(r.descriptor_from)[i];
    }
    __syncthreads();
    if (!image.planes) return;
    for (int at = blockIdx.x * LINES + threadIdx.y; at < r.input_height; at += gridDim.x * LINES)
        copy_rows_for(image, at);
}

} // namespace

extern "C" status upload_cuda_launch(const upload_request *request)
{
    dim3 blocks(BLOCKS, request->batch), threads(ACROSS, LINES);
    upload<<<blocks, threads, 0, static_cast<cudaStream_t>(request->stream)>>>(*request);
    return cuda_check(cudaGetLastError(), "launching the upload");
}
