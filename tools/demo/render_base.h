// Vectors, noise and the layouts of the arrays that scene.py writes. Part of render.cu; not used
// elsewhere.
#ifndef POSENET_DEMO_RENDER_BASE_H
#define POSENET_DEMO_RENDER_BASE_H
#include <math.h>
#include <stdint.h>
#ifdef __CUDACC__
#define FN __host__ __device__ static inline
#else
#define FN static inline
#endif

enum { PRIM = 24, HEAD = 36, SCENE = 64, OWNERS = 7, MAX_PRIMS = 288, TILE = 16 };
enum {
    P_K = 8,
    P_SPLIT = 9,
    P_A = 10,
    P_B = 13,
    P_PATTERN = 16,
    P_SCALE = 17,
    P_C = 18,
    P_KIND = 21,
    P_OWNER = 22,
    P_GLOSS = 23
};
enum { KIND_PLAIN, KIND_FACE, KIND_HAIR, KIND_CLOTH, KIND_SHIRT, KIND_BOX };
enum {
    S_CAM = 0,
    S_RIGHT = 3,
    S_UP = 6,
    S_FORWARD = 9,
    S_FOCAL = 12,
    S_CX,
    S_CY,
    S_LIGHT,
    S_LIGHT_RGB = 18,
    S_AMB_UP = 21,
    S_AMB_DOWN = 24,
    S_KIND = 27,
    S_C1 = 28,
    S_C2 = 31,
    S_G1 = 34,
    S_G2 = 37,
    S_GPATTERN = 40,
    S_GSCALE,
    S_SEED,
    S_XMIN,
    S_XMAX,
    S_ZFAR,
    S_CEILING,
    S_C3 = 47,
    S_FOG = 50,
    S_SHADOW,
    S_DENSITY
};
enum { OUTDOORS, ROOM, BACKDROP, CLUTTER };

struct V {
    float x, y, z;
};
FN V vec(float x, float y, float z)
{
    V v = {x, y, z};
    return v;
}
FN V ld(const float *p)
{
    return vec(p[0], p[1], p[2]);
}
FN V operator+(V a, V b)
{
    return vec(a.x + b.x, a.y + b.y, a.z + b.z);
}
FN V operator-(V a, V b)
{
    return vec(a.x - b.x, a.y - b.y, a.z - b.z);
}
FN V operator*(V a, float s)
{
    return vec(a.x * s, a.y * s, a.z * s);
}
FN V operator*(V a, V b)
{
    return vec(a.x * b.x, a.y * b.y, a.z * b.z);
}
FN float dot(V a, V b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}
FN float length(V a)
{
    return sqrtf(dot(a, a));
}
FN V unit(V a)
{
    return a * (1.0f / sqrtf(dot(a, a) + 1e-20f));
}
FN V mix(V a, V b, float t)
{
    return a + (b - a) * t;
}
FN float clampf(float x, float lo, float hi)
{
    return fminf(fmaxf(x, lo), hi);
}
FN float ramp(float lo, float hi, float x)
{
    x = clampf((x - lo) / (hi - lo), 0, 1);
    return x * x * (3 - 2 * x);
}
FN float fractf(float x)
{
    return x - floorf(x);
}

// ---- noise
// -----------------------------------------------------------------------------------------------------------
FN float hash3(int x, int y, int z)
{
    uint32_t h = (uint32_t)x * 0x8da6b343u ^ (uint32_t)y * 0xd8163841u ^ (uint32_t)z * 0xcb1ab31fu;
    h ^= h >> 15;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    h ^= h >> 16;
    return (float)(h >> 8) * (1.0f / 16777216.0f);
}
FN float noise(V p)
{
    float fx = floorf(p.x), fy = floorf(p.y), fz = floorf(p.z);
    int x = (int)fx, y = (int)fy, z = (int)fz;
    float u = p.x - fx, v = p.y - fy, w = p.z - fz;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    w = w * w * (3 - 2 * w);
    float a = hash3(x, y, z) * (1 - u) + hash3(x + 1, y, z) * u,
          b = hash3(x, y + 1, z) * (1 - u) + hash3(x + 1, y + 1, z) * u;
    float c = hash3(x, y, z + 1) * (1 - u) + hash3(x + 1, y, z + 1) * u,
          d = hash3(x, y + 1, z + 1) * (1 - u) + hash3(x + 1, y + 1, z + 1) * u;
    return (a * (1 - v) + b * v) * (1 - w) + (c * (1 - v) + d * v) * w;
}
FN float fbm(V p)
{
    return 0.5f * noise(p) + 0.28f * noise(p * 2.1f + vec(7, 3, 1)) +
           0.22f * noise(p * 4.3f + vec(2, 9, 5));
}

// A flat pattern in [0, 1]: 0 shows the first colour, 1 the second.
FN float pattern(int kind, float u, float v, float seed)
{
    int s = (int)seed;
    switch (kind) {
    case 1: return fractf(u) < 0.5f ? 1.0f : 0.0f;                      // stripes across
    case 2: return fractf(v) < 0.5f ? 1.0f : 0.0f;                      // stripes along
    case 3: return ((int)floorf(u) + (int)floorf(v)) & 1 ? 1.0f : 0.0f; // checks
    case 4: {
        float x = fractf(u) - 0.5f, y = fractf(v) - 0.5f;
        return x * x + y * y < 0.08f ? 1.0f : 0.0f;
    }                                                      // dots
    case 5: return ramp(0.4f, 0.6f, fbm(vec(u, v, seed))); // blotches
    case 6:
        return (fractf(u) < 0.12f ? 0.6f : 0.0f) +
               (fractf(v) < 0.12f ? 0.4f : 0.0f); // plaid, tiles
    case 7:
        return 0.5f * hash3((int)floorf(u * 0.25f), (int)floorf(v * 2), s) +
               (fractf(v * 2) < 0.06f ? 0.5f : 0.0f); // planks
    case 8: return fbm(vec(u * 3, v * 3, seed));      // grain
    default: return 0;
    }
}

#endif
