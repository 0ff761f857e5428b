// Shapes: distance to round cones and boxes, the light they leave, the colours on them. Part of
// render.cu; not used elsewhere.
#ifndef POSENET_DEMO_RENDER_BODY_H
#define POSENET_DEMO_RENDER_BODY_H
#include "render_base.h"

// ---- bodies
// ----------------------------------------------------------------------------------------------------------
FN float prim_distance(const float *q, V p, float *along)
{
    if (q[P_KIND] == KIND_BOX) { // a centre, b half sides, rb turn about y, ra rounding
        V d = p - ld(q);
        float c = cosf(q[7]), n = sinf(q[7]), x = fabsf(c * d.x - n * d.z) - q[4],
              z = fabsf(n * d.x + c * d.z) - q[6], y = fabsf(d.y) - q[5];
        *along = 0;
        V o = vec(fmaxf(x, 0), fmaxf(y, 0), fmaxf(z, 0));
        return length(o) + fminf(fmaxf(x, fmaxf(y, z)), 0) - q[3];
    }
    V pa = p - ld(q), ba = ld(q + 4) - ld(q);
    float t = clampf(dot(pa, ba) / (dot(ba, ba) + 1e-12f), 0, 1);
    *along = t;
    return length(pa - ba * t) - (q[3] + (q[7] - q[3]) * t);
}
// Smooth union within one owner, plain minimum between owners. `which` is the nearest primitive of
// the nearest owner.
FN float field(const float *prims, const short *list, int n, V p, int *which, float *along)
{
    float best = 1e9f, cur = 1e9f, near_raw = 1e9f, near_t = 0, owner = -1;
    int near = -1;
    for (int i = 0; i < n; i++) {
        const float *q = prims + list[i] * PRIM;
        if (q[P_OWNER] != owner) {
            if (cur < best) {
                best = cur;
                *which = near;
                *along = near_t;
            }
            owner = q[P_OWNER];
            cur = near_raw = 1e9f;
        }
        float t, d = prim_distance(q, p, &t), k = q[P_K];
        if (d < near_raw) {
            near_raw = d;
            near = list[i];
            near_t = t;
        }
        float h = fmaxf(k - fabsf(cur - d), 0);
        cur = fminf(cur, d) - h * h / (4 * k);
    }
    if (cur < best) {
        best = cur;
        *which = near;
        *along = near_t;
    }
    return best;
}
// How much of the light from direction `d` reaches `o` (1: all): nearest passage of the ray by each
// round cone.
FN float light_reaches(const float *prims, const float *bounds, int n, V o, V d, float soft,
                       int skip)
{
    float lit = 1;
    int i = 0; // owners are contiguous; bounds: centre, radius, end
    while (i < n) {
        const float *q = prims + i * PRIM;
        int owner = (int)q[P_OWNER];
        const float *b = bounds + owner * 5;
        V v = ld(b) - o;
        float s = dot(v, d), reach = b[3] + 0.15f + soft * fmaxf(s, 0);
        if (s < -b[3] || dot(v, v) - s * s > reach * reach) {
            i = (int)b[4];
            continue;
        }
        if (i != skip && q[3] > 0) {
            V a = ld(q), ba = ld(q + 4) - a, ao = a - o;
            if (q[P_KIND] == KIND_BOX) {
                V half = ld(q + 4);
                a = a - vec(0, half.y * 0.8f, 0);
                ba = vec(0, half.y * 1.6f, 0);
                ao = a - o;
            }
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

FN V paint_face(const float *h, V p, V skin)
{
    // h: origin 0-2, axes left 3-5, up 6-8, forward 9-11, scale 12, iris 13-15, hair 16-18, beard
    // 19, glasses 20, lips 21, smile 22
    V d = p - ld(h);
    float k = 1 / h[12], x = dot(d, ld(h + 3)) * k, y = dot(d, ld(h + 6)) * k,
          z = dot(d, ld(h + 9)) * k, ax = fabsf(x);
    if (z < 0.03f) return skin;
    V c = skin * (1 - 0.12f * ramp(0.03f, 0.0f, fabsf(ax - 0.034f) + fabsf(y - 0.024f)));
    float ex = (ax - 0.033f) / 0.0165f, ey = (y - 0.02f) / 0.0085f, e = ex * ex + ey * ey;
    if (e < 1.5f) c = skin * 0.55f;
    if (e < 1) {
        float ix = ax - 0.033f, iy = y - 0.02f, r = ix * ix + iy * iy;
        c = r < 0.0033f * 0.0033f   ? vec(0.02f, 0.02f, 0.02f)
            : r < 0.0075f * 0.0075f ? ld(h + 13)
                                    : vec(0.85f, 0.84f, 0.82f);
    }
    float bx = (ax - 0.034f) / 0.021f,
          by = (y - 0.044f + 4.0f * (ax - 0.03f) * (ax - 0.03f)) / 0.0055f;
    if (bx * bx + by * by < 1) c = mix(c, ld(h + 16), 0.8f);
    float mx = x / 0.027f, my = (y + 0.062f - h[22] * x * x * 12) / (0.0075f);
    if (mx * mx + my * my < 1)
        c = fabsf(my) < 0.25f ? skin * 0.3f : mix(skin, vec(0.55f, 0.12f, 0.12f), h[21]);
    if (h[19] > 0 && y < -0.025f && !(mx * mx + my * my < 1))
        c = mix(c, ld(h + 16), h[19] * ramp(-0.025f, -0.05f, y - 0.3f * ax));
    float nx = ax - 0.008f, ny = y + 0.032f;
    if (nx * nx + ny * ny < 0.00002f) c = c * 0.5f;
    if (h[20] > 0) {
        float gx = (ax - 0.034f) / 0.026f, gy = (y - 0.018f) / 0.02f, g = sqrtf(gx * gx + gy * gy);
        if (g > 0.85f && g < 1.08f)
            c = vec(0.05f, 0.05f, 0.06f);
        else if (g <= 0.85f && h[20] > 1.5f)
            c = c * 0.12f;
        if (ax < 0.01f && fabsf(y - 0.024f) < 0.004f) c = vec(0.05f, 0.05f, 0.06f);
    }
    return c;
}
FN V albedo(const float *q, const float *heads, V p, float along, V *normal)
{
    int kind = (int)q[P_KIND], owner = (int)q[P_OWNER];
    V a = ld(q), ba = ld(q + 4) - a;
    float len = length(ba), seed = q[P_SCALE] * 97;
    V base = along <= q[P_SPLIT] ? ld(q + P_A) : ld(q + P_B);
    if (kind == KIND_FACE && owner < OWNERS - 1)
        return paint_face(heads + owner * HEAD, p, ld(q + P_A));
    if (kind == KIND_HAIR) {
        V d = p - a;
        return base * (0.65f + 0.7f * noise(vec(d.x * 160, d.y * 25, d.z * 160)));
    }
    if (kind == KIND_CLOTH || kind == KIND_SHIRT || kind == KIND_BOX) {
        float u, v;
        V d = p - a;
        if (kind == KIND_SHIRT && owner < OWNERS - 1) { // in the frame of the chest
            const float *h =
                heads +
                owner * HEAD; // left 24-26, up 27-29, neck 30-32, opening 33, scoop 34, badge 35
            V l = ld(h + 24), up = ld(h + 27), c = p - ld(h + 30);
            float front = dot(
                c, vec(l.y * up.z - l.z * up.y, l.z * up.x - l.x * up.z, l.x * up.y - l.y * up.x));
            u = dot(c, l);
            v = dot(c, up);
            if (front > 0.02f &&
                (fabsf(u) < h[33] || u * u + (v - 0.02f) * (v - 0.02f) < h[34] * h[34]))
                return ld(q + P_B);
            if (front > 0.02f && fabsf(u) < h[35] && fabsf(v + 0.22f) < h[35] * 0.6f)
                return mix(ld(q + P_C), ld(q + P_A), pattern(3, u * 25, v * 25, seed));
        } else if (kind == KIND_BOX) {
            u = d.x + d.y;
            v = d.z + d.y;
        } else {
            V side = d - ba * along;
            u = along * len;
            v = atan2f(side.x, side.z + 0.3f * side.y) * 0.12f;
        }
        if (along <= q[P_SPLIT])
            base = mix(base, ld(q + P_C),
                       pattern((int)q[P_PATTERN], v * q[P_SCALE], u * q[P_SCALE], seed));
        if (kind != KIND_BOX && along <= q[P_SPLIT]) { // folds in the cloth
            V f = p * 9.0f + vec(seed, 0, 0);
            float n0 = fbm(f);
            *normal =
                unit(*normal - vec(fbm(f + vec(0.15f, 0, 0)) - n0, fbm(f + vec(0, 0.15f, 0)) - n0,
                                   fbm(f + vec(0, 0, 0.15f)) - n0) *
                                   2.2f);
        }
    }
    return base;
}

#endif
