// What stands behind the people: sky and skyline, ground, walls, clutter. Part of render.cu; not
// used elsewhere.
#ifndef POSENET_DEMO_RENDER_WORLD_H
#define POSENET_DEMO_RENDER_WORLD_H
#include "render_base.h"

// ---- the world behind
// ------------------------------------------------------------------------------------------------
FN V sky(const float *s, V d)
{
    float up = clampf(d.y, -0.2f, 1);
    V c = mix(ld(s + S_C2), ld(s + S_C1), sqrtf(fmaxf(up, 0)));
    if (up > 0.02f) {
        float k = 1.2f / (up + 0.15f);
        c = mix(c, vec(1, 1, 1),
                0.7f * ramp(0.5f, 0.75f, fbm(vec(d.x * k + s[S_SEED], d.z * k, 3))) * s[S_DENSITY]);
    }
    float azimuth = atan2f(d.x, d.z) * 9 + s[S_SEED]; // hills, trees, houses
    float block = hash3((int)floorf(azimuth * 2), (int)s[S_SEED], 5);
    float skyline = s[S_GPATTERN] < 4 ? 0.03f + 0.10f * fbm(vec(azimuth, s[S_SEED], 0)) +
                                            0.03f * noise(vec(azimuth * 9, 0, 4))
                                      : 0.05f + 0.25f * block;
    if (d.y < skyline) {
        c = mix(ld(s + S_C3), c, 0.15f + 0.25f * block);
        if (s[S_GPATTERN] >= 4) { // windows
            float wx = fractf(azimuth * 12), wy = fractf(d.y * 60);
            if (wx > 0.3f && wx < 0.75f && wy > 0.3f && wy < 0.8f)
                c = mix(c, ld(s + S_C1), 0.5f * hash3((int)(azimuth * 12), (int)(d.y * 60), 9));
        } else
            c = c * (0.7f + 0.6f * noise(vec(azimuth * 14, d.y * 120, 1)));
    }
    return c;
}
FN V ground(const float *s, V p)
{
    float k = s[S_GSCALE];
    V c = mix(ld(s + S_G1), ld(s + S_G2), pattern((int)s[S_GPATTERN], p.x * k, p.z * k, s[S_SEED]));
    return c * (0.75f + 0.5f * fbm(vec(p.x * 1.7f, s[S_SEED], p.z * 1.7f)));
}
FN V wall(const float *s, float u, float v, int which)
{
    V c = which == 1 ? ld(s + S_C2) : ld(s + S_C1);
    c = c * (0.85f + 0.3f * fbm(vec(u * 0.6f, v * 0.6f, s[S_SEED] + which)));
    int cu = (int)floorf(u / 1.3f), cv = (int)floorf(v / 1.1f), seed = (int)s[S_SEED] + which * 31;
    if (hash3(cu, cv, seed) < s[S_DENSITY]) { // pictures, windows, shelves
        float x = u / 1.3f - cu, y = v / 1.1f - cv, w = 0.15f + 0.25f * hash3(cu, cv, seed + 1),
              h = 0.15f + 0.25f * hash3(cu, cv, seed + 2);
        float ex = fabsf(x - 0.5f) - w, ey = fabsf(y - 0.5f) - h;
        if (ex < 0 && ey < 0) {
            V inner =
                vec(hash3(cu, cv, seed + 3), hash3(cu, cv, seed + 4), hash3(cu, cv, seed + 5));
            int kind = (int)(hash3(cu, cv, seed + 6) * 9);
            float f = 3 + 20 * hash3(cu, cv, seed + 7);
            c = fmaxf(ex, ey) > -0.03f
                    ? c * 0.4f
                    : mix(inner, ld(s + S_C3), pattern(kind, x * f, y * f, seed));
        }
    }
    return v < 0.1f ? c * 0.6f : c;
}
FN V clutter(const float *s, float x, float y)
{
    V c = mix(ld(s + S_C1), ld(s + S_C2), clampf(y + 0.3f * (x - 0.5f), 0, 1));
    for (int level = 0; level < 4; level++) {
        float n = 1.2f + 1.5f * level * level;
        float angle = 6.2832f * hash3(level, (int)s[S_SEED], 77), ca = cosf(angle),
              sa = sinf(angle);
        float u = (ca * x - sa * y) * n + 31, v = (sa * x + ca * y) * n + 17;
        int cu = (int)floorf(u), cv = (int)floorf(v), seed = (int)s[S_SEED] + level * 101;
        if (hash3(cu, cv, seed) > s[S_DENSITY]) continue;
        float px = u - cu - 0.3f - 0.4f * hash3(cu, cv, seed + 1),
              py = v - cv - 0.3f - 0.4f * hash3(cu, cv, seed + 2);
        float w = 0.1f + 0.4f * hash3(cu, cv, seed + 3), h = 0.1f + 0.4f * hash3(cu, cv, seed + 4),
              shape = hash3(cu, cv, seed + 5);
        float inside = shape < 0.4f ? fmaxf(fabsf(px) / w, fabsf(py) / h)
                                    : sqrtf(px * px / (w * w) + py * py / (h * h));
        if (inside > 1) continue;
        V a = vec(hash3(cu, cv, seed + 6), hash3(cu, cv, seed + 7), hash3(cu, cv, seed + 8));
        a = mix(a, ld(s + S_C3), 0.3f);
        float f = 2 + 12 * hash3(cu, cv, seed + 9);
        c = mix(a, c, 0.5f * pattern((int)(shape * 29) % 9, px * f, py * f, seed)) *
            (1.1f - 0.4f * inside);
    }
    return c * (0.8f + 0.4f * fbm(vec(x * 6, y * 6, s[S_SEED])));
}

#endif
