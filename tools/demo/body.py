"""Bodies for tools/demo: proportions, forward kinematics, and the round cones that render.cu draws.

Not run by itself; scene.py calls `build`. A person's frame is right-handed: x to the person's left, y up, z forward; metres.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import torch

from pose import sample_angles
from rng import Rng, table

PRIM, HEAD, SLOTS = 24, 36, 41
PLAIN, FACE, HAIR, CLOTH, SHIRT, BOX = range(6)
SKIN = [(243, 208, 184), (234, 190, 160), (222, 170, 136), (198, 140, 104), (160, 106, 76), (120, 76, 52), (84, 52, 37)]
HAIRS = [(22, 18, 16), (38, 26, 20), (70, 45, 28), (110, 74, 40), (190, 150, 90), (222, 190, 130), (150, 70, 35), (150, 150, 150), (225, 225, 225)]


def rotation(axis: int, degrees: torch.Tensor) -> torch.Tensor:
    """Right-handed turn about x, y or z: (...) -> (..., 3, 3)."""
    a = torch.deg2rad(degrees)
    c, s, o, i = a.cos(), a.sin(), torch.zeros_like(a), torch.ones_like(a)
    rows = [[i, o, o, o, c, -s, o, s, c], [c, o, s, o, i, o, -s, o, c], [c, -s, o, s, c, o, o, o, i]][axis]
    return torch.stack(rows, -1).view(*a.shape, 3, 3)


def number(v, like: torch.Tensor) -> torch.Tensor:
    """A number or a tensor as float of the shape of `like`, without a copy from the host."""
    return v.float().expand_as(like) if torch.is_tensor(v) else like.new_full((), float(v)).expand_as(like)


def point(x, y, z, like: torch.Tensor) -> torch.Tensor:
    """A vector (..., 3) from numbers or tensors shaped as `like`."""
    return torch.stack([number(v, like) for v in (x, y, z)], -1)


def turn(r: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return (r @ v[..., None])[..., 0]


def linear(rgb: list, device) -> torch.Tensor:
    """Bytes of sRGB to linear light, about."""
    return (table(tuple(map(tuple, rgb)), device) / 255) ** 2.2


def hsv(h: torch.Tensor, s: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    k = torch.stack([h * 6 + 5, h * 6 + 3, h * 6 + 1], -1) % 6
    return v[..., None] * (1 - s[..., None] * torch.clamp(torch.minimum(k, 4 - k), 0, 1))


def cloth_colour(rng: Rng, shape: tuple, plain: tuple = (4, 1.5, 5)) -> torch.Tensor:
    """Greys, darks and whites often; denim sometimes; any hue for the rest. Linear light."""
    h, s, v = rng.uniform(0, 1, shape), 0.1 + 0.8 * rng.uniform(0, 1, shape) ** 1.5, rng.uniform(0.12, 0.95, shape)
    kind = rng.choice(plain, shape)
    s = torch.where(kind == 0, s * 0.12, torch.where(kind == 1, 0.35 + 0.3 * s, s))
    h = torch.where(kind == 1, 0.58 + 0.06 * h, h)
    v = torch.where(kind == 1, 0.2 + 0.5 * v, v)
    return hsv(h, s, v) ** 2.2


@dataclass
class Wardrobe:
    """Colours (B,P,3) and choices (B,P) of one draw."""
    skin: torch.Tensor
    hair: torch.Tensor
    top: torch.Tensor
    inner: torch.Tensor
    bottom: torch.Tensor
    shoe: torch.Tensor
    accent: torch.Tensor
    sleeve: torch.Tensor      # 0 none, 1 short, 2 long
    legwear: torch.Tensor     # 0 long trousers, 1 shorts, 2 skirt or dress
    pattern: torch.Tensor
    scale: torch.Tensor
    female: torch.Tensor
    jacket: torch.Tensor      # half the width of its opening, metres; below 0 none


def dress(rng: Rng, p: int) -> Wardrobe:
    dev = rng.seeds.device
    tone = rng.uniform(0, len(SKIN) - 1.001, (p,))
    tones, low = linear(SKIN, dev), tone.long()
    skin = torch.lerp(tones[low], tones[low + 1], (tone - low)[..., None])
    hair = linear(HAIRS, dev)[rng.choice([5, 5, 4, 3, 2, 1.5, 1, 1, 0.7], (p,))] * rng.uniform(0.8, 1.2, (p, 1))
    top, accent, shoe = (cloth_colour(rng, (p,)) for _ in range(3))
    jacket = torch.where(rng.chance(0.2, (p,)), rng.uniform(0.02, 0.07, (p,)), torch.full_like(tone, -1))
    inner = torch.where((rng.chance(0.6, (p,)) & (jacket < 0))[..., None], skin, cloth_colour(rng, (p,)))
    female = rng.chance(0.5, (p,))
    legwear = rng.choice([6, 2.5, 0], (p,))
    legwear = torch.where(female & rng.chance(0.35, (p,)), 2, legwear)
    bottom = torch.where((legwear == 2)[..., None] & rng.chance(0.5, (p, 1)), top, cloth_colour(rng, (p,), (5, 4, 2)))
    accent = torch.lerp(top, accent, torch.where(legwear[..., None] == 1, 1.0, rng.uniform(0.2, 1, (p, 1))))
    pattern = torch.where(rng.chance(0.55, (p,)), 0, 1 + rng.choice([2, 1.5, 1, 1, 1.5, 1.5, 0, 2], (p,)))
    return Wardrobe(skin, hair, top, inner, bottom, shoe, accent, rng.choice([1, 4, 4], (p,)), legwear, pattern,
                    rng.uniform(6, 28, (p,)), female, jacket)


@dataclass
class Parts:
    """Collects round cones in slot order."""
    like: torch.Tensor
    rows: list = field(default_factory=list)

    def add(self, a, b, ra, rb, k, colour, other=None, split=1.0, pattern=0, scale=10.0, accent=None, kind=CLOTH, gloss=0.0, on=None):
        num = lambda v: number(v, self.like)[..., None]
        ra, rb = num(ra), num(rb)
        if on is not None:
            ra, rb = torch.where(on[..., None], ra, 0 * ra), torch.where(on[..., None], rb, 0 * rb)
        other, accent = colour if other is None else other, colour if accent is None else accent
        self.rows.append(torch.cat([a, ra, b, rb, num(k), num(split), colour, other, num(pattern), num(scale), accent, num(kind),
                                    num(0), num(gloss)], -1))


def _skeleton(rng: Rng, p: int) -> dict[str, torch.Tensor]:
    """Joint positions and frames; the middle of the hips is the origin."""
    ang = sample_angles(rng, p)
    child = rng.chance(0.15, (p,))
    height = torch.where(child, rng.uniform(1.0, 1.5, (p,)), 1.72 + 0.085 * rng.normal((p,)))
    grow = torch.where(child, 1 + (1.5 - height) * 0.5, torch.ones_like(height))                     # children have larger heads
    j = 1 + 0.045 * rng.normal((p, 10))
    h = height
    s: dict[str, torch.Tensor] = {"height": h, "kind": ang["kind"], "lift": ang["lift"], "size": h / 1.72,
                                  "head_size": h / 1.72 * grow * (1 + 0.3 * (j[..., 0] - 1)), "fat": 1 + 0.13 * rng.normal((p,)).abs() ** 1.3 - 0.06}
    t = ang["trunk"]
    at = lambda x, y, z: point(x, y, z, h)
    pelvis = rotation(2, t[..., 1]) @ rotation(0, t[..., 0])
    bend = lambda f: rotation(1, f * t[..., 4]) @ rotation(2, f * t[..., 3]) @ rotation(0, f * t[..., 2])
    waist_r = pelvis @ bend(0.5)
    chest_r = waist_r @ bend(0.5)
    waist = turn(pelvis, at(0, 0.09 * h * j[..., 1], 0))
    mid = waist + turn(waist_r, at(0, 0.10 * h * j[..., 1], 0))
    neck = mid + turn(chest_r, at(0, 0.105 * h * j[..., 1], 0))
    half = lambda f: rotation(1, f * t[..., 7]) @ rotation(2, f * t[..., 6]) @ rotation(0, f * t[..., 5])
    neck_r = chest_r @ half(0.4)
    head_r = neck_r @ half(0.6)
    head = neck + turn(neck_r, at(0, 0.055 * h, 0.006 * h)) + turn(head_r, at(0, 0.05 * h, 0.010 * h))
    s.update(pelvis_r=pelvis, waist_r=waist_r, chest_r=chest_r, waist=waist, mid=mid, neck=neck, neck_r=neck_r, head_r=head_r, head=head)
    for i, side in enumerate(("left", "right")):
        sign = 1 - 2 * i
        a, g = ang["arms"][:, :, i], ang["legs"][:, :, i]
        raise_ = torch.sin(torch.deg2rad(a[..., 1].clamp(0, 90))) * 0.02 * h
        shoulder = neck + turn(chest_r, at(sign * 0.107 * h * j[..., 2], -0.028 * h + raise_, -0.004 * h))
        upper = chest_r @ rotation(0, -a[..., 0]) @ rotation(2, sign * a[..., 1]) @ rotation(1, -sign * a[..., 2])
        fore = upper @ rotation(0, -a[..., 3])
        elbow = shoulder + turn(upper, at(0, -0.170 * h * j[..., 3], 0))
        wrist = elbow + turn(fore, at(0, -0.150 * h * j[..., 4], 0))
        hip = turn(pelvis, at(sign * 0.054 * h * j[..., 5], 0, 0))
        thigh = pelvis @ rotation(0, -g[..., 0]) @ rotation(2, sign * g[..., 1]) @ rotation(1, sign * g[..., 2])
        shin = thigh @ rotation(0, g[..., 3])
        knee = hip + turn(thigh, at(0, -0.245 * h * j[..., 6], 0))
        ankle = knee + turn(shin, at(0, -0.240 * h * j[..., 7], 0))
        s.update({f"{side}_{k}": v for k, v in dict(shoulder=shoulder, elbow=elbow, wrist=wrist, hip=hip, knee=knee, ankle=ankle, fore_r=fore,
                                                    foot_r=shin @ rotation(0, g[..., 4]), thigh_r=thigh).items()})
    return s


def _trunk(parts: Parts, s: dict, w: Wardrobe, rng: Rng, p: int) -> None:
    z, fat, at = s["size"], s["fat"], lambda x, y, q: point(x, y, q, s["height"]) * s["size"][..., None]
    chest = lambda x, y, q: s["neck"] + turn(s["chest_r"], at(x, y, q))
    waist = lambda x, y, q: s["waist"] + turn(s["waist_r"], at(x, y, q))
    loose = rng.uniform(0.0, 0.02, (p,))
    shirt = dict(colour=w.top, other=w.inner, pattern=w.pattern, scale=w.scale, accent=w.accent, kind=SHIRT)
    slim = torch.where(w.female, 0.93, 1.0)
    for sign in (1, -1):
        parts.add(chest(sign * 0.085, -0.075, 0), waist(sign * 0.055 * slim, 0, 0), z * (0.083 * fat + loose), z * (0.076 * fat * slim + loose), 0.05, **shirt)
    parts.add(chest(0, -0.03, -0.01), waist(0, 0, 0), z * (0.08 + loose), z * (0.085 * fat + loose), 0.05, **shirt)
    parts.add(s["left_shoulder"], s["right_shoulder"], z * (0.053 + loose * 0.5), z * (0.053 + loose * 0.5), 0.05, **shirt)
    parts.add(waist(0, 0.03, 0.03), waist(0, -0.06, 0.03), z * (0.075 * fat**1.8 + loose), z * (0.08 * fat**1.8 + loose), 0.06, **shirt)
    for sign in (1, -1):
        parts.add(chest(sign * 0.072, -0.18, 0.06), chest(sign * 0.07, -0.2, 0.065), z * (0.05 + loose), z * (0.048 + loose), 0.04, **shirt, on=w.female)
    up = turn(s["pelvis_r"], at(0, 0.02, 0))
    low = dict(colour=w.bottom, pattern=torch.where(rng.chance(0.8, (p,)), 0, w.pattern), scale=w.scale, accent=w.accent)
    parts.add(s["left_hip"] + up, s["right_hip"] + up, z * (0.078 * fat + 0.006), z * (0.078 * fat + 0.006), 0.04, **low)
    parts.add(s["waist"], turn(s["pelvis_r"], at(0, 0.0, 0)), z * (0.094 * fat + loose), z * (0.108 * fat + loose), 0.05,
              **{**shirt, "other": w.bottom, "kind": CLOTH, "split": rng.uniform(0.3, 1.0, (p,))})
    length = rng.uniform(0.45, 1.0, (p,))[..., None]
    ends = [torch.lerp(s[f"{k}_hip"], s[f"{k}_knee"], length) for k in ("left", "right")]
    apart = (ends[0] - ends[1]).norm(dim=-1) * 0.5
    parts.add(turn(s["pelvis_r"], at(0, 0.03, 0)), (ends[0] + ends[1]) * 0.5, z * (0.105 * fat + 0.01), apart * 0.8 + z * rng.uniform(0.08, 0.13, (p,)), 0.03,
              **low, on=w.legwear == 2)
    parts.add(chest(0, -0.12, -0.19), chest(0, -0.36, -0.19), z * 0.1, z * 0.125, 0.01, colour=w.accent, on=rng.chance(0.08, (p,)))


def _head(parts: Parts, s: dict, w: Wardrobe, rng: Rng, p: int) -> None:
    z = s["head_size"]
    at = lambda x, y, q: s["head"] + turn(s["head_r"], point(x, y, q, z) * z[..., None])
    parts.add(s["neck"] + turn(s["neck_r"], point(0, -0.02, 0, z)), at(0, -0.045, -0.015), z * 0.056, z * 0.053, 0.035, w.skin, kind=PLAIN, gloss=0.1)
    face = dict(colour=w.skin, kind=FACE, gloss=0.12)
    parts.add(at(0, 0.045, -0.025), at(0, 0.04, 0.012), z * 0.088, z * 0.083, 0.03, **face)
    parts.add(at(0, 0.0, 0.028), at(0, -0.072, 0.05), z * 0.068, z * rng.uniform(0.034, 0.044, (p,)), 0.03, **face)
    parts.add(at(0, 0.018, 0.098), at(0, -0.018, 0.112), z * 0.008, z * rng.uniform(0.012, 0.017, (p,)), 0.012, **face)
    for sign in (1, -1):
        parts.add(at(sign * 0.086, 0.02, -0.012), at(sign * 0.08, -0.022, -0.002), z * 0.018, z * 0.012, 0.006, w.skin * 0.95, kind=PLAIN, gloss=0.1)
    style = torch.where(w.female, rng.choice([0.1, 1.5, 1.5, 4, 2], (p,)), rng.choice([1.2, 5, 1.5, 0.4, 0.3], (p,)))   # bald, short, medium, long, tied
    hair = dict(colour=w.hair, kind=HAIR, gloss=0.15)
    puff = rng.uniform(0.0, 0.012, (p,)) + torch.where(rng.chance(0.1, (p,)), 0.03, 0.0)
    fringe = rng.uniform(-0.012, 0.01, (p,))
    parts.add(at(0, 0.058, -0.038), at(0, 0.07, -0.002 + fringe), z * (0.093 + puff), z * (0.083 + puff), 0.01, **hair, on=style > 0)
    length = torch.where(style == 3, rng.uniform(0.1, 0.3, (p,)), rng.uniform(0.02, 0.08, (p,)))
    parts.add(at(0, 0.02, -0.055), at(0, -length, -0.07), z * (0.078 + puff), z * 0.06, 0.02, **hair, on=style > 0)
    for sign in (1, -1):
        parts.add(at(sign * 0.066, 0.04, -0.015), at(sign * 0.078, -length * 0.8, -0.01), z * 0.032, z * 0.024, 0.02, **hair, on=(style == 2) | (style == 3))
    bun = rng.chance(0.4, (p,))
    parts.add(at(0, torch.where(bun, 0.12, 0.07), -0.12), at(0, torch.where(bun, 0.12, -0.12), torch.where(bun, -0.12, -0.14)), z * 0.04,
              z * torch.where(bun, 0.04, 0.025), 0.01, **hair, on=style == 4)
    hat = rng.chance(0.13, (p,))
    parts.add(at(0, 0.075, -0.03), at(0, 0.078, 0.0), z * 0.104, z * 0.1, 0.005, w.accent, on=hat)
    parts.add(at(-0.045, 0.095, 0.115), at(0.045, 0.095, 0.115), z * 0.032, z * 0.032, 0.03, w.accent, on=hat & rng.chance(0.6, (p,)))


def _limbs(parts: Parts, s: dict, w: Wardrobe, rng: Rng, p: int) -> None:
    z, thick = s["size"], s["size"] * (0.6 + 0.4 * s["fat"]) * torch.where(w.female, 0.9, 1.0)
    loose = rng.uniform(0.004, 0.018, (p,)) * z
    at = lambda x, y, q: point(x, y, q, z) * z[..., None]
    half = rng.uniform(0.4, 0.95, (p,))
    upper = torch.where(w.sleeve == 0, 0.05, torch.where(w.sleeve == 1, half, 1.0))
    fore = torch.where(w.sleeve == 2, rng.uniform(0.6, 1.0, (p,)), -1.0)
    short = torch.where(w.legwear == 0, 1.0, torch.where(w.legwear == 1, rng.uniform(0.4, 0.95, (p,)), 0.2))
    bare = torch.where(rng.chance(0.25, (p, 1)), w.accent * 0.5, w.skin)                              # bare legs or tights
    long_leg, sock = w.legwear == 0, rng.uniform(0.5, 1.0, (p,))
    glove = torch.where(rng.chance(0.05, (p, 1)), w.accent, w.skin)
    sleeve = dict(pattern=w.pattern, scale=w.scale, accent=w.accent)
    for side, sign in (("left", 1), ("right", -1)):
        g = lambda k: s[f"{side}_{k}"]
        hand = lambda x, y, q: g("wrist") + turn(g("fore_r"), at(x, y, q))
        foot = lambda x, y, q: g("ankle") + turn(g("foot_r"), at(x, y, q))
        parts.add(g("shoulder"), g("elbow"), thick * 0.047 + torch.where(upper > 0.3, loose, 0 * loose), thick * 0.039 + torch.where(upper > 0.9, loose, 0 * loose), 0.03,
                  w.top, w.skin, upper, **sleeve)
        parts.add(g("elbow"), g("wrist"), thick * 0.040 + torch.where(fore > 0, loose, 0 * loose), thick * 0.027 + torch.where(fore > 0.9, 0.5 * loose, 0 * loose), 0.012,
                  w.top, w.skin, fore, **sleeve)
        parts.add(hand(0, -0.015, 0), hand(0, -0.075, 0.005), z * 0.029, z * 0.031, 0.015, glove, kind=PLAIN, gloss=0.1)
        parts.add(hand(0, -0.085, 0.008), hand(sign * -0.004, -0.15, 0.03), z * 0.024, z * 0.013, 0.015, glove, kind=PLAIN, gloss=0.1)
        parts.add(hand(0, -0.04, 0.02), hand(0, -0.09, 0.06), z * 0.015, z * 0.011, 0.01, glove, kind=PLAIN, gloss=0.1)
        grow = torch.where(w.legwear == 2, 0 * loose, loose)
        parts.add(g("hip"), g("knee"), thick * 0.084 + grow, thick * 0.056 + torch.where(short > 0.9, grow, 0 * grow), 0.04, w.bottom, bare, short)
        parts.add(g("knee"), g("ankle"), thick * 0.056 + torch.where(long_leg, grow, 0 * grow), thick * 0.038 + torch.where(long_leg, 1.3 * grow, 0 * grow), 0.012,
                  torch.where(long_leg[..., None], w.bottom, bare), w.accent, torch.where(long_leg, 1.0, sock))
        parts.add(foot(0, -0.035, -0.035), foot(0, -0.05, 0.15), z * 0.042, z * 0.033, 0.02, w.shoe, kind=PLAIN, gloss=0.3)
    held, ball = rng.chance(0.12, (p,)), rng.chance(0.35, (p,))
    grip = s["right_wrist"] + turn(s["right_fore_r"], at(0, -0.1, 0.04))
    tip = grip + turn(s["right_fore_r"], at(0, torch.where(ball, -0.02, -0.35), torch.where(ball, 0.02, 0.3)))
    parts.add(grip, tip, z * torch.where(ball, 0.09, 0.012), z * torch.where(ball, 0.09, 0.035), 0.005, w.accent, kind=PLAIN, gloss=0.4, on=held)


def build(rng: Rng, p: int) -> dict[str, torch.Tensor]:
    """People standing at the origin of their own frame: prims (B,P,41,24), heads (B,P,36), keypoints (B,P,17,3), height, kind, hip height."""
    s = _skeleton(rng, p)
    w = dress(rng, p)
    parts = Parts(s["height"])
    _trunk(parts, s, w, rng, p)
    _head(parts, s, w, rng, p)
    _limbs(parts, s, w, rng, p)
    prims = torch.stack(parts.rows, 2)
    assert prims.shape[2] == SLOTS, prims.shape
    on = prims[..., 3] > 0
    low = torch.minimum(prims[..., 1] - prims[..., 3], prims[..., 5] - prims[..., 7])
    shift = s["lift"] - torch.where(on, low, 9.0).amin(-1)
    z = s["head_size"]
    at = lambda x, y, q: s["head"] + turn(s["head_r"], point(x, y, q, z) * z[..., None])
    joints = [at(0, -0.016, 0.124), at(0.033, 0.02, 0.094), at(-0.033, 0.02, 0.094), at(0.094, 0.0, -0.006), at(-0.094, 0.0, -0.006)]
    joints += [s[f"{side}_{k}"] for k in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")]
    keypoints = torch.stack(joints, 2)
    keypoints[..., 1] += shift[..., None]
    prims[..., 1] += shift[..., None]
    prims[..., 5] += shift[..., None]
    lifted = torch.zeros_like(s["head"])
    lifted[..., 1] = shift
    eyes = linear([(60, 40, 25), (90, 60, 35), (70, 100, 140), (80, 110, 70)], z.device)[rng.choice([5, 3, 2, 1], (p,))]
    axes = lambda r: [r[..., 0], r[..., 1], r[..., 2]]
    num = lambda v: v[..., None].float()
    beard = torch.where(~w.female & rng.chance(0.3, (p,)), rng.uniform(0.2, 0.9, (p,)), torch.zeros_like(z))
    glasses = torch.where(rng.chance(0.15, (p,)), 1.0 + rng.chance(0.35, (p,)).float(), torch.zeros_like(z))
    scoop = rng.uniform(0.03, 0.11, (p,))
    badge = torch.where(rng.chance(0.25, (p,)), rng.uniform(0.04, 0.12, (p,)), torch.zeros_like(z))
    heads = torch.cat([s["head"] + lifted, *axes(s["head_r"]), num(z), eyes, w.hair, num(beard), num(glasses), num(rng.uniform(0.2, 0.8, (p,))),
                       num(rng.uniform(-0.2, 1.6, (p,))), num(0 * z), s["chest_r"][..., 0], s["chest_r"][..., 1], s["neck"] + lifted, num(w.jacket), num(scoop),
                       num(badge)], -1)
    assert heads.shape[-1] == HEAD, heads.shape
    return {"prims": prims, "heads": heads, "keypoints": keypoints, "height": s["height"], "kind": s["kind"], "hip": shift}
