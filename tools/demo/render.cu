// Ray caster of tools/demo: people made of smoothly joined round cones, before a procedural world.
// One source for both machines: `nvcc -x cu -shared` makes the GPU version, `g++ -x c++ -shared -fopenmp` the CPU version.
// render.py builds and calls it; scene.py writes its inputs (the layouts below are shared with scene.py).
#include <math.h>
#include <stdint.h>
#ifdef __CUDACC__
#define FN __host__ __device__ static inline
#else
#define FN static inline
#endif

enum { PRIM = 24, HEAD = 36, SCENE = 64, OWNERS = 7, MAX_PRIMS = 288, TILE = 16 };
enum { P_K = 8, P_SPLIT = 9, P_A = 10, P_B = 13, P_PATTERN = 16, P_SCALE = 17, P_C = 18, P_KIND = 21, P_OWNER = 22, P_GLOSS = 23 };
enum { KIND_PLAIN, KIND_FACE, KIND_HAIR, KIND_CLOTH, KIND_SHIRT, KIND_BOX };
enum { S_CAM = 0, S_RIGHT = 3, S_UP = 6, S_FORWARD = 9, S_FOCAL = 12, S_CX, S_CY, S_LIGHT, S_LIGHT_RGB = 18, S_AMB_UP = 21, S_AMB_DOWN = 24,
       S_KIND = 27, S_C1 = 28, S_C2 = 31, S_G1 = 34, S_G2 = 37, S_GPATTERN = 40, S_GSCALE, S_SEED, S_XMIN, S_XMAX, S_ZFAR, S_CEILING,
       S_C3 = 47, S_FOG = 50, S_SHADOW, S_DENSITY };
enum { OUTDOORS, ROOM, BACKDROP, CLUTTER };

struct V { float x, y, z; };
FN V vec(float x, float y, float z) { V v = {x, y, z}; return v; }
FN V ld(const float *p) { return vec(p[0], p[1], p[2]); }
FN V operator+(V a, V b) { return vec(a.x + b.x, a.y + b.y, a.z + b.z); }
FN V operator-(V a, V b) { return vec(a.x - b.x, a.y - b.y, a.z - b.z); }
FN V operator*(V a, float s) { return vec(a.x * s, a.y * s, a.z * s); }
FN V operator*(V a, V b) { return vec(a.x * b.x, a.y * b.y, a.z * b.z); }
FN float dot(V a, V b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
FN float length(V a) { return sqrtf(dot(a, a)); }
FN V unit(V a) { return a * (1.0f / sqrtf(dot(a, a) + 1e-20f)); }
FN V mix(V a, V b, float t) { return a + (b - a) * t; }
FN float clampf(float x, float lo, float hi) { return fminf(fmaxf(x, lo), hi); }
FN float ramp(float lo, float hi, float x) { x = clampf((x - lo) / (hi - lo), 0, 1); return x * x * (3 - 2 * x); }
FN float fractf(float x) { return x - floorf(x); }

// ---- noise -----------------------------------------------------------------------------------------------------------
FN float hash3(int x, int y, int z) {
    uint32_t h = (uint32_t)x * 0x8da6b343u ^ (uint32_t)y * 0xd8163841u ^ (uint32_t)z * 0xcb1ab31fu;
    h ^= h >> 15; h *= 0x85ebca6bu; h ^= h >> 13; h *= 0xc2b2ae35u; h ^= h >> 16;
    return (float)(h >> 8) * (1.0f / 16777216.0f);
}
FN float noise(V p) {
    float fx = floorf(p.x), fy = floorf(p.y), fz = floorf(p.z);
    int x = (int)fx, y = (int)fy, z = (int)fz;
    float u = p.x - fx, v = p.y - fy, w = p.z - fz;
    u = u * u * (3 - 2 * u); v = v * v * (3 - 2 * v); w = w * w * (3 - 2 * w);
    float a = hash3(x, y, z) * (1 - u) + hash3(x + 1, y, z) * u, b = hash3(x, y + 1, z) * (1 - u) + hash3(x + 1, y + 1, z) * u;
    float c = hash3(x, y, z + 1) * (1 - u) + hash3(x + 1, y, z + 1) * u, d = hash3(x, y + 1, z + 1) * (1 - u) + hash3(x + 1, y + 1, z + 1) * u;
    return (a * (1 - v) + b * v) * (1 - w) + (c * (1 - v) + d * v) * w;
}
FN float fbm(V p) { return 0.5f * noise(p) + 0.28f * noise(p * 2.1f + vec(7, 3, 1)) + 0.22f * noise(p * 4.3f + vec(2, 9, 5)); }

// A flat pattern in [0, 1]: 0 shows the first colour, 1 the second.
FN float pattern(int kind, float u, float v, float seed) {
    int s = (int)seed;
    switch (kind) {
    case 1: return fractf(u) < 0.5f ? 1.0f : 0.0f;                                                     // stripes across
    case 2: return fractf(v) < 0.5f ? 1.0f : 0.0f;                                                     // stripes along
    case 3: return ((int)floorf(u) + (int)floorf(v)) & 1 ? 1.0f : 0.0f;                                // checks
    case 4: { float x = fractf(u) - 0.5f, y = fractf(v) - 0.5f; return x * x + y * y < 0.08f ? 1.0f : 0.0f; } // dots
    case 5: return ramp(0.4f, 0.6f, fbm(vec(u, v, seed)));                                             // blotches
    case 6: return (fractf(u) < 0.12f ? 0.6f : 0.0f) + (fractf(v) < 0.12f ? 0.4f : 0.0f);             // plaid, tiles
    case 7: return 0.5f * hash3((int)floorf(u * 0.25f), (int)floorf(v * 2), s) + (fractf(v * 2) < 0.06f ? 0.5f : 0.0f); // planks
    case 8: return fbm(vec(u * 3, v * 3, seed));                                                       // grain
    default: return 0;
    }
}

// ---- the world behind ------------------------------------------------------------------------------------------------
FN V sky(const float *s, V d) {
    float up = clampf(d.y, -0.2f, 1);
    V c = mix(ld(s + S_C2), ld(s + S_C1), sqrtf(fmaxf(up, 0)));
    if (up > 0.02f) {
        float k = 1.2f / (up + 0.15f);
        c = mix(c, vec(1, 1, 1), 0.7f * ramp(0.5f, 0.75f, fbm(vec(d.x * k + s[S_SEED], d.z * k, 3))) * s[S_DENSITY]);
    }
    float azimuth = atan2f(d.x, d.z) * 9 + s[S_SEED];                                                  // hills, trees, houses
    float block = hash3((int)floorf(azimuth * 2), (int)s[S_SEED], 5);
    float skyline = s[S_GPATTERN] < 4 ? 0.03f + 0.10f * fbm(vec(azimuth, s[S_SEED], 0)) + 0.03f * noise(vec(azimuth * 9, 0, 4))
                                      : 0.05f + 0.25f * block;
    if (d.y < skyline) {
        c = mix(ld(s + S_C3), c, 0.15f + 0.25f * block);
        if (s[S_GPATTERN] >= 4) {                                                                      // windows
            float wx = fractf(azimuth * 12), wy = fractf(d.y * 60);
            if (wx > 0.3f && wx < 0.75f && wy > 0.3f && wy < 0.8f) c = mix(c, ld(s + S_C1), 0.5f * hash3((int)(azimuth * 12), (int)(d.y * 60), 9));
        } else c = c * (0.7f + 0.6f * noise(vec(azimuth * 14, d.y * 120, 1)));
    }
    return c;
}
FN V ground(const float *s, V p) {
    float k = s[S_GSCALE];
    V c = mix(ld(s + S_G1), ld(s + S_G2), pattern((int)s[S_GPATTERN], p.x * k, p.z * k, s[S_SEED]));
    return c * (0.75f + 0.5f * fbm(vec(p.x * 1.7f, s[S_SEED], p.z * 1.7f)));
}
FN V wall(const float *s, float u, float v, int which) {
    V c = which == 1 ? ld(s + S_C2) : ld(s + S_C1);
    c = c * (0.85f + 0.3f * fbm(vec(u * 0.6f, v * 0.6f, s[S_SEED] + which)));
    int cu = (int)floorf(u / 1.3f), cv = (int)floorf(v / 1.1f), seed = (int)s[S_SEED] + which * 31;
    if (hash3(cu, cv, seed) < s[S_DENSITY]) {                                                          // pictures, windows, shelves
        float x = u / 1.3f - cu, y = v / 1.1f - cv, w = 0.15f + 0.25f * hash3(cu, cv, seed + 1), h = 0.15f + 0.25f * hash3(cu, cv, seed + 2);
        float ex = fabsf(x - 0.5f) - w, ey = fabsf(y - 0.5f) - h;
        if (ex < 0 && ey < 0) {
            V inner = vec(hash3(cu, cv, seed + 3), hash3(cu, cv, seed + 4), hash3(cu, cv, seed + 5));
            int kind = (int)(hash3(cu, cv, seed + 6) * 9);
            float f = 3 + 20 * hash3(cu, cv, seed + 7);
            c = fmaxf(ex, ey) > -0.03f ? c * 0.4f : mix(inner, ld(s + S_C3), pattern(kind, x * f, y * f, seed));
        }
    }
    return v < 0.1f ? c * 0.6f : c;
}
FN V clutter(const float *s, float x, float y) {
    V c = mix(ld(s + S_C1), ld(s + S_C2), clampf(y + 0.3f * (x - 0.5f), 0, 1));
    for (int level = 0; level < 4; level++) {
        float n = 1.2f + 1.5f * level * level;
        float angle = 6.2832f * hash3(level, (int)s[S_SEED], 77), ca = cosf(angle), sa = sinf(angle);
        float u = (ca * x - sa * y) * n + 31, v = (sa * x + ca * y) * n + 17;
        int cu = (int)floorf(u), cv = (int)floorf(v), seed = (int)s[S_SEED] + level * 101;
        if (hash3(cu, cv, seed) > s[S_DENSITY]) continue;
        float px = u - cu - 0.3f - 0.4f * hash3(cu, cv, seed + 1), py = v - cv - 0.3f - 0.4f * hash3(cu, cv, seed + 2);
        float w = 0.1f + 0.4f * hash3(cu, cv, seed + 3), h = 0.1f + 0.4f * hash3(cu, cv, seed + 4), shape = hash3(cu, cv, seed + 5);
        float inside = shape < 0.4f ? fmaxf(fabsf(px) / w, fabsf(py) / h) : sqrtf(px * px / (w * w) + py * py / (h * h));
        if (inside > 1) continue;
        V a = vec(hash3(cu, cv, seed + 6), hash3(cu, cv, seed + 7), hash3(cu, cv, seed + 8));
        a = mix(a, ld(s + S_C3), 0.3f);
        float f = 2 + 12 * hash3(cu, cv, seed + 9);
        c = mix(a, c, 0.5f * pattern((int)(shape * 29) % 9, px * f, py * f, seed)) * (1.1f - 0.4f * inside);
    }
    return c * (0.8f + 0.4f * fbm(vec(x * 6, y * 6, s[S_SEED])));
}

// ---- bodies ----------------------------------------------------------------------------------------------------------
FN float prim_distance(const float *q, V p, float *along) {
    if (q[P_KIND] == KIND_BOX) {                                                                       // a centre, b half sides, rb turn about y, ra rounding
        V d = p - ld(q);
        float c = cosf(q[7]), n = sinf(q[7]), x = fabsf(c * d.x - n * d.z) - q[4], z = fabsf(n * d.x + c * d.z) - q[6], y = fabsf(d.y) - q[5];
        *along = 0;
        V o = vec(fmaxf(x, 0), fmaxf(y, 0), fmaxf(z, 0));
        return length(o) + fminf(fmaxf(x, fmaxf(y, z)), 0) - q[3];
    }
    V pa = p - ld(q), ba = ld(q + 4) - ld(q);
    float t = clampf(dot(pa, ba) / (dot(ba, ba) + 1e-12f), 0, 1);
    *along = t;
    return length(pa - ba * t) - (q[3] + (q[7] - q[3]) * t);
}
// Smooth union within one owner, plain minimum between owners. `which` is the nearest primitive of the nearest owner.
FN float field(const float *prims, const short *list, int n, V p, int *which, float *along) {
    float best = 1e9f, cur = 1e9f, near_raw = 1e9f, near_t = 0, owner = -1;
    int near = -1;
    for (int i = 0; i < n; i++) {
        const float *q = prims + list[i] * PRIM;
        if (q[P_OWNER] != owner) {
            if (cur < best) { best = cur; *which = near; *along = near_t; }
            owner = q[P_OWNER]; cur = near_raw = 1e9f;
        }
        float t, d = prim_distance(q, p, &t), k = q[P_K];
        if (d < near_raw) { near_raw = d; near = list[i]; near_t = t; }
        float h = fmaxf(k - fabsf(cur - d), 0);
        cur = fminf(cur, d) - h * h / (4 * k);
    }
    if (cur < best) { best = cur; *which = near; *along = near_t; }
    return best;
}
// How much of the light from direction `d` reaches `o` (1: all): nearest passage of the ray by each round cone.
FN float light_reaches(const float *prims, const float *bounds, int n, V o, V d, float soft, int skip) {
    float lit = 1;
    int i = 0;                                                                                         // owners are contiguous; bounds: centre, radius, end
    while (i < n) {
        const float *q = prims + i * PRIM;
        int owner = (int)q[P_OWNER];
        const float *b = bounds + owner * 5;
        V v = ld(b) - o;
        float s = dot(v, d), reach = b[3] + 0.15f + soft * fmaxf(s, 0);
        if (s < -b[3] || dot(v, v) - s * s > reach * reach) { i = (int)b[4]; continue; }
        if (i != skip && q[3] > 0) {
            V a = ld(q), ba = ld(q + 4) - a, ao = a - o;
            if (q[P_KIND] == KIND_BOX) { V half = ld(q + 4); a = a - vec(0, half.y * 0.8f, 0); ba = vec(0, half.y * 1.6f, 0); ao = a - o; }
            float bb = dot(ba, ba) + 1e-9f, bd = dot(ba, d), ad = dot(ao, d), ab = dot(ao, ba);
            float t = clampf((ad * bd - ab) / fmaxf(bb - bd * bd, 1e-6f), 0, 1);
            V c = ao + ba * t;
            float along = fmaxf(dot(c, d), 0);
            if (along > 0.05f) {
                float r = q[P_KIND] == KIND_BOX ? fminf(q[4], q[6]) : q[3] + (q[7] - q[3]) * t;
                float gap = length(c - d * along) - r;
                lit = fminf(lit, ramp(-0.5f, 1, gap / (0.01f + soft * along)));
            }
        }
        i++;
    }
    return lit;
}

FN V paint_face(const float *h, V p, V skin) {
    // h: origin 0-2, axes left 3-5, up 6-8, forward 9-11, scale 12, iris 13-15, hair 16-18, beard 19, glasses 20, lips 21, smile 22
    V d = p - ld(h);
    float k = 1 / h[12], x = dot(d, ld(h + 3)) * k, y = dot(d, ld(h + 6)) * k, z = dot(d, ld(h + 9)) * k, ax = fabsf(x);
    if (z < 0.03f) return skin;
    V c = skin * (1 - 0.12f * ramp(0.03f, 0.0f, fabsf(ax - 0.034f) + fabsf(y - 0.024f)));
    float ex = (ax - 0.033f) / 0.0165f, ey = (y - 0.02f) / 0.0085f, e = ex * ex + ey * ey;
    if (e < 1.5f) c = skin * 0.55f;
    if (e < 1) {
        float ix = ax - 0.033f, iy = y - 0.02f, r = ix * ix + iy * iy;
        c = r < 0.0033f * 0.0033f ? vec(0.02f, 0.02f, 0.02f) : r < 0.0075f * 0.0075f ? ld(h + 13) : vec(0.85f, 0.84f, 0.82f);
    }
    float bx = (ax - 0.034f) / 0.021f, by = (y - 0.044f + 4.0f * (ax - 0.03f) * (ax - 0.03f)) / 0.0055f;
    if (bx * bx + by * by < 1) c = mix(c, ld(h + 16), 0.8f);
    float mx = x / 0.027f, my = (y + 0.062f - h[22] * x * x * 12) / (0.0075f);
    if (mx * mx + my * my < 1) c = fabsf(my) < 0.25f ? skin * 0.3f : mix(skin, vec(0.55f, 0.12f, 0.12f), h[21]);
    if (h[19] > 0 && y < -0.025f && !(mx * mx + my * my < 1)) c = mix(c, ld(h + 16), h[19] * ramp(-0.025f, -0.05f, y - 0.3f * ax));
    float nx = ax - 0.008f, ny = y + 0.032f;
    if (nx * nx + ny * ny < 0.00002f) c = c * 0.5f;
    if (h[20] > 0) {
        float gx = (ax - 0.034f) / 0.026f, gy = (y - 0.018f) / 0.02f, g = sqrtf(gx * gx + gy * gy);
        if (g > 0.85f && g < 1.08f) c = vec(0.05f, 0.05f, 0.06f);
        else if (g <= 0.85f && h[20] > 1.5f) c = c * 0.12f;
        if (ax < 0.01f && fabsf(y - 0.024f) < 0.004f) c = vec(0.05f, 0.05f, 0.06f);
    }
    return c;
}
FN V albedo(const float *q, const float *heads, V p, float along, V *normal) {
    int kind = (int)q[P_KIND], owner = (int)q[P_OWNER];
    V a = ld(q), ba = ld(q + 4) - a;
    float len = length(ba), seed = q[P_SCALE] * 97;
    V base = along <= q[P_SPLIT] ? ld(q + P_A) : ld(q + P_B);
    if (kind == KIND_FACE && owner < OWNERS - 1) return paint_face(heads + owner * HEAD, p, ld(q + P_A));
    if (kind == KIND_HAIR) {
        V d = p - a;
        return base * (0.65f + 0.7f * noise(vec(d.x * 160, d.y * 25, d.z * 160)));
    }
    if (kind == KIND_CLOTH || kind == KIND_SHIRT || kind == KIND_BOX) {
        float u, v;
        V d = p - a;
        if (kind == KIND_SHIRT && owner < OWNERS - 1) {                                                // in the frame of the chest
            const float *h = heads + owner * HEAD;                                                     // left 24-26, up 27-29, neck 30-32, opening 33, scoop 34, badge 35
            V l = ld(h + 24), up = ld(h + 27), c = p - ld(h + 30);
            float front = dot(c, vec(l.y * up.z - l.z * up.y, l.z * up.x - l.x * up.z, l.x * up.y - l.y * up.x));
            u = dot(c, l); v = dot(c, up);
            if (front > 0.02f && (fabsf(u) < h[33] || u * u + (v - 0.02f) * (v - 0.02f) < h[34] * h[34])) return ld(q + P_B);
            if (front > 0.02f && fabsf(u) < h[35] && fabsf(v + 0.22f) < h[35] * 0.6f) return mix(ld(q + P_C), ld(q + P_A), pattern(3, u * 25, v * 25, seed));
        } else if (kind == KIND_BOX) { u = d.x + d.y; v = d.z + d.y; }
        else { V side = d - ba * along; u = along * len; v = atan2f(side.x, side.z + 0.3f * side.y) * 0.12f; }
        if (along <= q[P_SPLIT]) base = mix(base, ld(q + P_C), pattern((int)q[P_PATTERN], v * q[P_SCALE], u * q[P_SCALE], seed));
        if (kind != KIND_BOX && along <= q[P_SPLIT]) {                                                 // folds in the cloth
            V f = p * 9.0f + vec(seed, 0, 0);
            float n0 = fbm(f);
            *normal = unit(*normal - vec(fbm(f + vec(0.15f, 0, 0)) - n0, fbm(f + vec(0, 0.15f, 0)) - n0, fbm(f + vec(0, 0, 0.15f)) - n0) * 2.2f);
        }
    }
    return base;
}

struct Hit { float depth; int owner; };
FN V shade(const float *s, const float *prims, const float *bounds, int n, V p, V normal, V view, V base, float gloss, int skip) {
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
FN V background(const float *s, const float *prims, const float *bounds, int n, V o, V d, float x, float y, float *depth) {
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
        float tx = d.x > 1e-5f ? (s[S_XMAX] - o.x) / d.x : d.x < -1e-5f ? (s[S_XMIN] - o.x) / d.x : 1e4f;
        float tz = d.z > 1e-5f ? (s[S_ZFAR] - o.z) / d.z : 1e4f, ty = d.y > 1e-5f ? (s[S_CEILING] - o.y) / d.y : 1e4f;
        if (tx < t) { t = tx; side = 1; }
        if (tz < t) { t = tz; side = 0; }
        if (ty < t) { t = ty; side = 2; }
    } else if (t > 60) return sky(s, d);
    *depth = t;
    V p = o + d * t;
    if (side == 2) return ld(s + S_C1) * 0.9f;
    if (side >= 0) {
        V normal = side == 1 ? vec(d.x > 0 ? -1 : 1, 0, 0) : vec(0, 0, -1);
        return shade(s, prims, bounds, n, p, normal, d, side == 1 ? wall(s, p.z, p.y, 1) : wall(s, p.x, p.y, 0), 0, -1);
    }
    V c = ground(s, p);
    V out = shade(s, prims, bounds, n, p, vec(0, 1, 0), d, c, 0.05f, -1);
    out = out * (0.45f + 0.55f * light_reaches(prims, bounds, n, p, vec(0, 1, 0), 0.7f, -1));          // darker under bodies
    return kind == OUTDOORS ? mix(out, ld(s + S_C2), ramp(8, 60, t) * s[S_FOG] * 0.6f) : out;
}
// One ray: colour, and what it met.
FN V trace(const float *s, const float *prims, const float *heads, const float *bounds, int n, const short *list, int count, float near, float far,
           float px, float py, int w, int h, Hit *hit) {
    V o = ld(s + S_CAM);
    V d = unit(ld(s + S_FORWARD) * s[S_FOCAL] + ld(s + S_RIGHT) * (px - s[S_CX]) - ld(s + S_UP) * (py - s[S_CY]));
    float back, t = near, along = 0;
    int which = -1;
    hit->owner = -1;
    for (int step = 0; step < 56 && count && t < far; step++) {
        float dist = field(prims, list, count, o + d * t, &which, &along);
        if (dist < 0.0006f * t + 0.0005f) {
            V p = o + d * t;
            const float e = 0.0015f;
            int w2; float a2, d0 = dist;
            V normal = unit(vec(field(prims, list, count, p + vec(e, 0, 0), &w2, &a2) - d0, field(prims, list, count, p + vec(0, e, 0), &w2, &a2) - d0,
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

// ---- tiles: which primitives can a 16x16 tile meet? --------------------------------------------------------------------
struct Cone { V o, axis; float sin_a, cos_a; };
FN Cone tile_cone(const float *s, int tx, int ty) {
    float x0 = tx * TILE - 1.0f, x1 = x0 + TILE + 1, y0 = ty * TILE - 1.0f, y1 = y0 + TILE + 1, cosine = 1;
    V f = ld(s + S_FORWARD) * s[S_FOCAL], r = ld(s + S_RIGHT), u = ld(s + S_UP);
    V axis = unit(f + r * ((x0 + x1) / 2 - s[S_CX]) - u * ((y0 + y1) / 2 - s[S_CY]));
    for (int i = 0; i < 4; i++) {
        V c = unit(f + r * ((i & 1 ? x1 : x0) - s[S_CX]) - u * ((i & 2 ? y1 : y0) - s[S_CY]));
        cosine = fminf(cosine, dot(c, axis));
    }
    Cone k = {ld(s + S_CAM), axis, sqrtf(fmaxf(1 - cosine * cosine, 0)), cosine};
    return k;
}
FN bool meets(Cone k, const float *q, float *near, float *far) {
    if (q[3] <= 0) return false;
    V m, e;
    float r;
    if (q[P_KIND] == KIND_BOX) { m = ld(q); e = ld(q + 4); r = length(e) + q[3]; }
    else { m = (ld(q) + ld(q + 4)) * 0.5f; r = length(ld(q + 4) - ld(q)) * 0.5f + fmaxf(q[3], q[7]) + q[P_K]; }
    V v = m - k.o;
    float along = dot(v, k.axis), perp = sqrtf(fmaxf(dot(v, v) - along * along, 0)), dist = length(v);
    *near = fmaxf(dist - r, 0.05f);
    *far = dist + r;
    return along > -r && perp * k.cos_a - along * k.sin_a <= r;
}
FN void pixel(const float *s, const float *prims, const float *heads, const float *bounds, int n, const short *list, int count, float near, float far,
              int x, int y, int w, int h, int ss, float *rgb, uint8_t *id, float *depth) {
    V sum = vec(0, 0, 0);
    Hit hit = {0, -1};
    for (int j = 0; j < ss; j++)
        for (int i = 0; i < ss; i++) {
            V c = trace(s, prims, heads, bounds, n, list, count, near, far, x + (i + 0.5f) / ss - 0.5f, y + (j + 0.5f) / ss - 0.5f, w, h, &hit);
            sum = sum + vec(clampf(c.x, 0, 4), clampf(c.y, 0, 4), clampf(c.z, 0, 4));
        }
    rgb[0] = sum.x / (ss * ss); rgb[1] = sum.y / (ss * ss); rgb[2] = sum.z / (ss * ss);
    *id = (uint8_t)(hit.owner + 1);
    *depth = hit.depth;
}

#ifdef __CUDACC__
__global__ void __launch_bounds__(TILE * TILE) tiles(const float *prims, const float *heads, const float *bounds, const float *scenes, int n, int w, int h,
                                                     int ss, float *rgb, uint8_t *id, float *depth) {
    __shared__ short list[MAX_PRIMS];
    __shared__ int warp_count[TILE * TILE / 32], total;
    __shared__ float nears[TILE * TILE], fars[TILE * TILE];
    int b = blockIdx.z, thread = threadIdx.x, lane = thread & 31, warp = thread >> 5;
    const float *s = scenes + b * SCENE, *mine = prims + (size_t)b * n * PRIM;
    Cone k = tile_cone(s, blockIdx.x, blockIdx.y);
    float lo = 1e9f, hi = 0;
    if (!thread) total = 0;
    __syncthreads();
    for (int base = 0; base < n; base += TILE * TILE) {                                                // keeps the order: owners stay together
        int i = base + thread;
        float a, z;
        bool in = i < n && meets(k, mine + i * PRIM, &a, &z);
        unsigned mask = __ballot_sync(~0u, in);
        if (!lane) warp_count[warp] = __popc(mask);
        __syncthreads();
        int at = total + __popc(mask & ((1u << lane) - 1));
        for (int v = 0; v < warp; v++) at += warp_count[v];
        if (in) { list[at] = (short)i; lo = fminf(lo, a); hi = fmaxf(hi, z); }
        __syncthreads();
        if (!thread) for (int v = 0; v < TILE * TILE / 32; v++) total += warp_count[v];
        __syncthreads();
    }
    nears[thread] = lo; fars[thread] = hi;
    __syncthreads();
    for (int step = TILE * TILE / 2; step; step >>= 1) {
        if (thread < step) { nears[thread] = fminf(nears[thread], nears[thread + step]); fars[thread] = fmaxf(fars[thread], fars[thread + step]); }
        __syncthreads();
    }
    int x = blockIdx.x * TILE + (thread & 15), y = blockIdx.y * TILE + (thread >> 4);
    if (x >= w || y >= h) return;
    size_t at = ((size_t)b * h + y) * w + x;
    pixel(s, mine, heads + b * (OWNERS - 1) * HEAD, bounds + b * OWNERS * 5, n, list, total, nears[0], fars[0], x, y, w, h, ss, rgb + at * 3, id + at, depth + at);
}
extern "C" int render(const float *prims, const float *heads, const float *bounds, const float *scenes, int batch, int n, int w, int h, int ss,
                      float *rgb, uint8_t *id, float *depth, void *stream) {
    if (n > MAX_PRIMS) return -1;
    tiles<<<dim3((w + TILE - 1) / TILE, (h + TILE - 1) / TILE, batch), TILE * TILE, 0, (cudaStream_t)stream>>>(prims, heads, bounds, scenes, n, w, h, ss, rgb, id, depth);
    return (int)cudaGetLastError();
}
#else
extern "C" int render(const float *prims, const float *heads, const float *bounds, const float *scenes, int batch, int n, int w, int h, int ss,
                      float *rgb, uint8_t *id, float *depth, void *stream) {
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
            if (meets(k, mine + i * PRIM, &a, &z)) { list[count++] = (short)i; near = fminf(near, a); far = fmaxf(far, z); }
        for (int y = ty * TILE; y < h && y < (ty + 1) * TILE; y++)
            for (int x = tx * TILE; x < w && x < (tx + 1) * TILE; x++) {
                size_t at = ((size_t)b * h + y) * w + x;
                pixel(s, mine, heads + b * (OWNERS - 1) * HEAD, bounds + b * OWNERS * 5, n, list, count, near, far, x, y, w, h, ss, rgb + at * 3, id + at, depth + at);
            }
    }
    return 0;
}
#endif
