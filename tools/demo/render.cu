// Ray caster of tools/demo: people made of smoothly joined round cones, before a procedural world.
// One source for both machines: `nvcc -x cu -shared` makes the GPU version, `g++ -x c++ -shared
// -fopenmp` the CPU version. render.py builds and calls it; scene.py writes its inputs (the layouts
// below are shared with scene.py).
#include "render_body.h"
#include "render_world.h"

struct Hit {
    float depth;
    int owner;
};
FN V shade(const float *s, const float *prims, const float *bounds, int n, V p, V normal, V view,
           V base, float gloss, int skip)
{
    V light = ld(s + S_LIGHT);
    float facing = dot(normal, light), lit = 0;
    if (facing > -0.25f) {
        float reach = light_reaches(prims, bounds, n, p + normal * 0.02f, light, 0.10f, skip);
        lit = fmaxf((facing + 0.25f) / 1.25f, 0) * (1 - s[S_SHADOW] * (1 - reach));
    }
    V amb = mix(ld(s + S_AMB_DOWN), ld(s + S_AMB_UP), 0.5f + 0.5f * normal.y);
    V half = unit(light - view);
    float spec = gloss * lit * powf(fmaxf(dot(half, normal), 0), 24);
    return base * (amb + ld(s + S_LIGHT_RGB) * lit) + ld(s + S_LIGHT_RGB) * spec;
}
FN V background(const float *s, const float *prims, const float *bounds, int n, V o, V d, float x,
                float y, float *depth)
{
    int kind = (int)s[S_KIND];
    *depth = 1e4f;
    if (kind == CLUTTER) return clutter(s, x, y);
    if (kind == BACKDROP) {
        V c = mix(ld(s + S_C1), ld(s + S_C2), clampf(y + 0.4f * (x - 0.5f), 0, 1));
        return c * (0.7f + 0.6f * fbm(vec(x * s[S_GSCALE] * 2, y * s[S_GSCALE] * 2, s[S_SEED])));
    }
    float t = d.y < -1e-4f ? -o.y / d.y : 1e4f;
    int side = -1;
    if (kind == ROOM) {
        float tx = d.x > 1e-5f    ? (s[S_XMAX] - o.x) / d.x
                   : d.x < -1e-5f ? (s[S_XMIN] - o.x) / d.x
                                  : 1e4f;
        float tz = d.z > 1e-5f ? (s[S_ZFAR] - o.z) / d.z : 1e4f,
              ty = d.y > 1e-5f ? (s[S_CEILING] - o.y) / d.y : 1e4f;
        if (tx < t) {
            t = tx;
            side = 1;
        }
        if (tz < t) {
            t = tz;
            side = 0;
        }
        if (ty < t) {
            t = ty;
            side = 2;
        }
    } else if (t > 60)
        return sky(s, d);
    *depth = t;
    V p = o + d * t;
    if (side == 2) return ld(s + S_C1) * 0.9f;
    if (side >= 0) {
        V normal = side == 1 ? vec(d.x > 0 ? -1 : 1, 0, 0) : vec(0, 0, -1);
        return shade(s, prims, bounds, n, p, normal, d,
                     side == 1 ? wall(s, p.z, p.y, 1) : wall(s, p.x, p.y, 0), 0, -1);
    }
    V c = ground(s, p);
    V out = shade(s, prims, bounds, n, p, vec(0, 1, 0), d, c, 0.05f, -1);
    out = out * (0.45f + 0.55f * light_reaches(prims, bounds, n, p, vec(0, 1, 0), 0.7f,
                                               -1)); // darker under bodies
    return kind == OUTDOORS ? mix(out, ld(s + S_C2), ramp(8, 60, t) * s[S_FOG] * 0.6f) : out;
}
// One ray: colour, and what it met.
FN V trace(const float *s, const float *prims, const float *heads, const float *bounds, int n,
           const short *list, int count, float near, float far, float px, float py, int w, int h,
           Hit *hit)
{
    V o = ld(s + S_CAM);
    V d = unit(ld(s + S_FORWARD) * s[S_FOCAL] + ld(s + S_RIGHT) * (px - s[S_CX]) -
               ld(s + S_UP) * (py - s[S_CY]));
    float back, t = near, along = 0;
    int which = -1;
    hit->owner = -1;
    for (int step = 0; step < 56 && count && t < far; step++) {
        float dist = field(prims, list, count, o + d * t, &which, &along);
        if (dist < 0.0006f * t + 0.0005f) {
            V p = o + d * t;
            const float e = 0.0015f;
            int w2;
            float a2, d0 = dist;
            V normal = unit(vec(field(prims, list, count, p + vec(e, 0, 0), &w2, &a2) - d0,
                                field(prims, list, count, p + vec(0, e, 0), &w2, &a2) - d0,
                                field(prims, list, count, p + vec(0, 0, e), &w2, &a2) - d0));
            const float *q = prims + which * PRIM;
            V base = albedo(q, heads, p, along, &normal);
            hit->owner = (int)q[P_OWNER];
            hit->depth = t * dot(d, ld(s + S_FORWARD));
            return shade(s, prims, bounds, n, p, normal, d, base, q[P_GLOSS], which);
        }
        t += dist * 0.92f;
    }
    V c = background(s, prims, bounds, n, o, d, px / w, py / h, &back);
    hit->depth = back;
    return c;
}

// ---- tiles: which primitives can a 16x16 tile meet?
// --------------------------------------------------------------------
struct Cone {
    V o, axis;
    float sin_a, cos_a;
};
FN Cone tile_cone(const float *s, int tx, int ty)
{
    float x0 = tx * TILE - 1.0f, x1 = x0 + TILE + 1, y0 = ty * TILE - 1.0f, y1 = y0 + TILE + 1,
          cosine = 1;
    V f = ld(s + S_FORWARD) * s[S_FOCAL], r = ld(s + S_RIGHT), u = ld(s + S_UP);
    V axis = unit(f + r * ((x0 + x1) / 2 - s[S_CX]) - u * ((y0 + y1) / 2 - s[S_CY]));
    for (int i = 0; i < 4; i++) {
        V c = unit(f + r * ((i & 1 ? x1 : x0) - s[S_CX]) - u * ((i & 2 ? y1 : y0) - s[S_CY]));
        cosine = fminf(cosine, dot(c, axis));
    }
    Cone k = {ld(s + S_CAM), axis, sqrtf(fmaxf(1 - cosine * cosine, 0)), cosine};
    return k;
}
FN bool meets(Cone k, const float *q, float *near, float *far)
{
    if (q[3] <= 0) return false;
    V m, e;
    float r;
    if (q[P_KIND] == KIND_BOX) {
        m = ld(q);
        e = ld(q + 4);
        r = length(e) + q[3];
    } else {
        m = (ld(q) + ld(q + 4)) * 0.5f;
        r = length(ld(q + 4) - ld(q)) * 0.5f + fmaxf(q[3], q[7]) + q[P_K];
    }
    V v = m - k.o;
    float along = dot(v, k.axis), perp = sqrtf(fmaxf(dot(v, v) - along * along, 0)),
          dist = length(v);
    *near = fmaxf(dist - r, 0.05f);
    *far = dist + r;
    return along > -r && perp * k.cos_a - along * k.sin_a <= r;
}
FN void pixel(const float *s, const float *prims, const float *heads, const float *bounds, int n,
              const short *list, int count, float near, float far, int x, int y, int w, int h,
              int ss, float *rgb, uint8_t *id, float *depth)
{
    V sum = vec(0, 0, 0);
    Hit hit = {0, -1};
    for (int j = 0; j < ss; j++)
        for (int i = 0; i < ss; i++) {
            V c = trace(s, prims, heads, bounds, n, list, count, near, far,
                        x + (i + 0.5f) / ss - 0.5f, y + (j + 0.5f) / ss - 0.5f, w, h, &hit);
            sum = sum + vec(clampf(c.x, 0, 4), clampf(c.y, 0, 4), clampf(c.z, 0, 4));
        }
    rgb[0] = sum.x / (ss * ss);
    rgb[1] = sum.y / (ss * ss);
    rgb[2] = sum.z / (ss * ss);
    *id = (uint8_t)(hit.owner + 1);
    *depth = hit.depth;
}

#ifdef __CUDACC__
__global__ void __launch_bounds__(TILE *TILE)
    tiles(const float *prims, const float *heads, const float *bounds, const float *scenes, int n,
          int w, int h, int ss, float *rgb, uint8_t *id, float *depth)
{
    __shared__ short list[MAX_PRIMS];
    __shared__ int warp_count[TILE * TILE / 32], total;
    __shared__ float nears[TILE * TILE], fars[TILE * TILE];
    int b = blockIdx.z, thread = threadIdx.x, lane = thread & 31, warp = thread >> 5;
    const float *s = scenes + b * SCENE, *mine = prims + (size_t)b * n * PRIM;
    Cone k = tile_cone(s, blockIdx.x, blockIdx.y);
    float lo = 1e9f, hi = 0;
    if (!thread) total = 0;
    __syncthreads();
    for (int base = 0; base < n; base += TILE * TILE) { // keeps the order: owners stay together
        int i = base + thread;
        float a, z;
        bool in = i < n && meets(k, mine + i * PRIM, &a, &z);
        unsigned mask = __ballot_sync(~0u, in);
        if (!lane) warp_count[warp] = __popc(mask);
        __syncthreads();
        int at = total + __popc(mask & ((1u << lane) - 1));
        for (int v = 0; v < warp; v++) at += warp_count[v];
        if (in) {
            list[at] = (short)i;
            lo = fminf(lo, a);
            hi = fmaxf(hi, z);
        }
        __syncthreads();
        if (!thread)
            for (int v = 0; v < TILE * TILE / 32; v++) total += warp_count[v];
        __syncthreads();
    }
    nears[thread] = lo;
    fars[thread] = hi;
    __syncthreads();
    for (int step = TILE * TILE / 2; step; step >>= 1) {
        if (thread < step) {
            nears[thread] = fminf(nears[thread], nears[thread + step]);
            fars[thread] = fmaxf(fars[thread], fars[thread + step]);
        }
        __syncthreads();
    }
    int x = blockIdx.x * TILE + (thread & 15), y = blockIdx.y * TILE + (thread >> 4);
    if (x >= w || y >= h) return;
    size_t at = ((size_t)b * h + y) * w + x;
    pixel(s, mine, heads + b * (OWNERS - 1) * HEAD, bounds + b * OWNERS * 5, n, list, total,
          nears[0], fars[0], x, y, w, h, ss, rgb + at * 3, id + at, depth + at);
}
extern "C" int render(const float *prims, const float *heads, const float *bounds,
                      const float *scenes, int batch, int n, int w, int h, int ss, float *rgb,
                      uint8_t *id, float *depth, void *stream)
{
    if (n > MAX_PRIMS) return -1;
    tiles<<<dim3((w + TILE - 1) / TILE, (h + TILE - 1) / TILE, batch), TILE * TILE, 0,
            (cudaStream_t)stream>>>(prims, heads, bounds, scenes, n, w, h, ss, rgb, id, depth);
    return (int)cudaGetLastError();
}
#else
extern "C" int render(const float *prims, const float *heads, const float *bounds,
                      const float *scenes, int batch, int n, int w, int h, int ss, float *rgb,
                      uint8_t *id, float *depth, void *stream)
{
    (void)stream;
    if (n > MAX_PRIMS) return -1;
    int tw = (w + TILE - 1) / TILE, th = (h + TILE - 1) / TILE;
#pragma omp parallel for schedule(dynamic)
    for (int job = 0; job < batch * tw * th; job++) {
        int b = job / (tw * th), ty = job / tw % th, tx = job % tw, count = 0;
        const float *s = scenes + b * SCENE, *mine = prims + (size_t)b * n * PRIM;
        Cone k = tile_cone(s, tx, ty);
        short list[MAX_PRIMS];
        float near = 1e9f, far = 0, a, z;
        for (int i = 0; i < n; i++)
            if (meets(k, mine + i * PRIM, &a, &z)) {
                list[count++] = (short)i;
                near = fminf(near, a);
                far = fmaxf(far, z);
            }
        for (int y = ty * TILE; y < h && y < (ty + 1) * TILE; y++)
            for (int x = tx * TILE; x < w && x < (tx + 1) * TILE; x++) {
                size_t at = ((size_t)b * h + y) * w + x;
                pixel(s, mine, heads + b * (OWNERS - 1) * HEAD, bounds + b * OWNERS * 5, n, list,
                      count, near, far, x, y, w, h, ss, rgb + at * 3, id + at, depth + at);
            }
    }
    return 0;
}
#endif
