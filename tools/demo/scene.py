"""Scenes for tools/demo: camera, light, world, people and things, packed into the arrays that render.cu reads.

Not run by itself; render.py calls `sample`. World: y up, the camera stands on the y axis and looks roughly along +z; metres.
"""
from __future__ import annotations

import torch

from body import BOX, CLOTH, PLAIN, PRIM, SLOTS, build, cloth_colour, hsv, linear, number, point, rotation, turn
from pose import LEGS
from rng import Rng, table

PEOPLE, THINGS, OWNERS, SCENE = 6, 24, 7, 64
OUTDOORS = 0                                                                                          # then room, backdrop, clutter, as in render_base.h


def _camera(rng: Rng, width: int, height: int, cfg: dict, first_height: torch.Tensor) -> dict[str, torch.Tensor]:
    """A camera for the main person, who stands `distance` away and fills a chosen share of the picture's height."""
    fov = torch.deg2rad(rng.uniform(*cfg["field_of_view"]))
    focal = 0.5 * max(width, height) / torch.tan(0.5 * fov)
    lo, hi = cfg["main_height"]
    share = lo * (hi / lo) ** rng.uniform()
    distance = (focal * first_height / (share * height)).clamp(1.1, 14)
    eye = torch.where(rng.chance(0.15), rng.uniform(2.2, 4.5), rng.uniform(0.5, 2.0))
    eye = torch.minimum(eye, 0.8 + 0.55 * distance)
    aim = first_height * torch.where(share > 0.95, rng.uniform(0.62, 0.95), rng.uniform(0.35, 0.7))
    pitch = torch.rad2deg(torch.atan((eye - aim) / distance)) + 2.5 * rng.normal()
    turn_cam = rotation(2, 2.5 * rng.normal()) @ rotation(0, torch.zeros_like(pitch))
    frame = rotation(0, pitch) @ turn_cam
    return {"focal": focal, "distance": distance, "eye": eye, "right": -frame[..., 0], "up": frame[..., 1], "forward": frame[..., 2], "share": share}


def _place(rng: Rng, cam: dict, width: int, cfg: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """Where people stand (B,P,3) and how they are turned, degrees (B,P)."""
    p = PEOPLE
    lo, hi = cfg["depth_ratio"]
    depth = cam["distance"][:, None] * lo * (hi / lo) ** rng.uniform(0, 1, (p,))
    depth[:, 0] = cam["distance"]
    across = rng.uniform(-0.52, 0.52, (p,))
    across[:, 0] = rng.uniform(-0.32, 0.32)
    x = -across * width / cam["focal"][:, None] * depth
    together = rng.chance(cfg["together"])[:, None]                                                   # side by side, close to the main person
    order = table((0, 1, -1, 2, -2, 3), x.device)
    spread = rng.uniform(0.42, 0.85)[:, None] * order + 0.08 * rng.normal((p,))
    x = torch.where(together, x[:, :1] + spread, x)
    depth = torch.where(together, depth[:, :1] + 0.3 * rng.normal((p,)), depth)
    depth = depth.clamp(min=0.9)
    for i in range(1, p):                                                                             # nobody stands in another
        for j in range(i):
            near = ((x[:, i] - x[:, j]) ** 2 + (depth[:, i] - depth[:, j]) ** 2) < 0.36**2
            depth[:, i] = torch.where(near, depth[:, j] + 0.45, depth[:, i])
    toward = torch.rad2deg(torch.atan2(-x, -depth))                                                   # facing the camera
    mode = rng.choice([6, 2, 2], (p,))
    yaw = toward + torch.where(mode == 0, 24 * rng.normal((p,)), torch.where(mode == 1, rng.uniform(-180, 180, (p,)),
                               torch.where(rng.chance(0.5, (p,)), 90.0, -90.0) + 18 * rng.normal((p,))))
    return torch.stack([x, torch.zeros_like(x), depth], -1), yaw


def _row(a, ra, b, rb, colour, accent, pattern, scale, kind, on) -> torch.Tensor:
    num = lambda v: number(v, a[..., 0])[..., None]
    o = on[..., None].float()
    return torch.cat([a, num(ra) * o, b, num(rb), num(0.005), num(1), colour, colour, num(pattern), num(scale), accent, num(kind), num(OWNERS - 1), num(0.1)], -1)


def _boxes(rng: Rng, centre: torch.Tensor, half: torch.Tensor, yaw_rad: torch.Tensor, on: torch.Tensor) -> torch.Tensor:
    n = tuple(on.shape[1:])
    a, c = cloth_colour(rng, n), cloth_colour(rng, n)
    return _row(centre, 0.015, half, yaw_rad, a, c, torch.where(rng.chance(0.5, n), 0, 1 + rng.choice([1] * 8, n)), rng.uniform(2, 12, n), BOX, on)


def _things(rng: Rng, people: dict, where: torch.Tensor, yaw: torch.Tensor, present: torch.Tensor, cam: dict, width: int) -> torch.Tensor:
    """Seats, a table in front, boxes, poles and trees, balls: (B, THINGS, PRIM)."""
    sit = (people["kind"] == list(LEGS).index("sit")) & present & rng.chance(0.85, (PEOPLE,))
    turned, rad = rotation(1, yaw), torch.deg2rad(yaw)
    top = (people["hip"] - 0.115).clamp(min=0.1)
    wide = rng.uniform(0.2, 0.38, (PEOPLE,))
    offset = turn(turned, point(0, 0, -0.03, wide))
    high = torch.where(rng.chance(0.5, (PEOPLE,)), top * 0.5, 0 * top + 0.04)
    seat = _boxes(rng, where + offset + torch.stack([0 * top, top - high, 0 * top], -1), torch.stack([wide, high, 0 * wide + 0.2], -1), rad, sit)
    back_c = where + turn(turned, point(0, 0, -0.27, wide)) + torch.stack([0 * top, top + 0.25, 0 * top], -1)
    back = _boxes(rng, back_c, torch.stack([wide, 0 * wide + 0.28, 0 * wide + 0.03], -1), rad, sit & rng.chance(0.5, (PEOPLE,)))
    n = 8                                                                                             # 0 table, 1-4 boxes, 5-7 poles
    ratio = rng.uniform(0.5, 3.0, (n,))
    ratio[:, 0] = rng.uniform(0.55, 0.8)
    z = cam["distance"][:, None] * ratio
    x = -rng.uniform(-0.6, 0.6, (n,)) * width / cam["focal"][:, None] * z
    spot = torch.stack([x, 0 * x, z], -1)
    clear = torch.where(present[:, None], (spot[:, :, None] - where[:, None]).norm(dim=-1), torch.full_like(x, 9.0)[..., None]).amin(-1)
    free = (clear > 0.75) & (z > 0.8)
    free &= (z > cam["distance"][:, None] * 1.1) | rng.chance(0.25, (n,))                             # seldom in front of the main person
    half = torch.stack([rng.uniform(0.15, 0.5, (n,)), rng.uniform(0.1, 0.6, (n,)), rng.uniform(0.15, 0.4, (n,))], -1)
    half[:, 0] = torch.stack([rng.uniform(0.5, 1.2), rng.uniform(0.3, 0.42), rng.uniform(0.15, 0.3)], -1)
    on = free & torch.cat([rng.chance(0.1, (1,)), rng.chance(0.3, (4,)), rng.chance(0.25, (3,))], 1)
    centre = spot + torch.stack([0 * x, half[..., 1], 0 * x], -1)
    boxes = _boxes(rng, centre[:, :5], half[:, :5], rng.uniform(-0.6, 0.6, (5,)), on[:, :5])
    bark, leaf = cloth_colour(rng, (3,)) * 0.6, hsv(rng.uniform(0.18, 0.4, (3,)), rng.uniform(0.4, 0.9, (3,)), rng.uniform(0.1, 0.5, (3,)))
    tall = torch.stack([0 * x[:, 5:], rng.uniform(1.2, 4.0, (3,)), 0 * x[:, 5:]], -1)
    thick = rng.uniform(0.03, 0.16, (3,))
    poles = _row(spot[:, 5:], thick, spot[:, 5:] + tall, thick * 0.8, bark, leaf, 5, 8, CLOTH, on[:, 5:])
    crown_r = rng.uniform(0.3, 0.9, (3,))
    crowns = _row(spot[:, 5:] + tall, crown_r, spot[:, 5:] + tall * 1.15, crown_r * 0.7, leaf, bark, 5, 14, CLOTH, on[:, 5:] & rng.chance(0.5, (3,)))
    ball_at = where[:, :1] + torch.stack([rng.uniform(-1.2, 1.2, (1,)), rng.uniform(0.1, 1.8, (1,)), rng.uniform(-0.4, 0.8, (1,))], -1)
    size = rng.uniform(0.05, 0.16, (1,))
    ball = _row(ball_at, size, ball_at + 0.001, size, cloth_colour(rng, (1,)), cloth_colour(rng, (1,)), 3, 20, PLAIN, rng.chance(0.12, (1,)))
    return torch.cat([seat, back, boxes, poles, crowns, ball], 1)


def _world(rng: Rng, cam: dict, where: torch.Tensor, cfg: dict, width: int, height: int) -> torch.Tensor:
    """The scene record (B, SCENE) of render.cu."""
    kind = rng.choice(cfg["background_weights"])
    out = kind == OUTDOORS
    pick = lambda a, b: torch.where(out[:, None], a, b)
    elevation, azimuth = torch.deg2rad(rng.uniform(22, 80)), rng.uniform(0, 6.2832)
    light = torch.stack([elevation.cos() * azimuth.sin(), elevation.sin(), -0.35 - 0.65 * elevation.cos() * azimuth.cos()], -1)
    light = light / light.norm(dim=-1, keepdim=True)
    strength = torch.where(out, rng.uniform(0.3, 1.5), rng.uniform(0.2, 1.0))[:, None]
    warm = rng.uniform(-0.12, 0.12)[:, None] * table((1.0, 0.1, -1.0), kind.device)
    sun = strength * (1 + warm)
    any_ = lambda s, v0, v1: hsv(rng.uniform(), rng.uniform(0, s), rng.uniform(v0, v1)) ** 2.2
    sky_top = linear([(60, 110, 190), (90, 140, 210), (150, 170, 190), (200, 205, 210), (40, 50, 80), (230, 180, 140)], kind.device)[rng.choice([3, 3, 3, 3, 1, 1])]
    haze = linear([(200, 220, 240), (225, 225, 225), (180, 190, 200), (240, 210, 180)], kind.device)[rng.choice([3, 3, 2, 1])]
    c1, c2 = pick(sky_top, any_(0.3, 0.25, 0.95)), pick(haze, any_(0.3, 0.2, 0.95))
    c3 = pick(any_(0.6, 0.1, 0.5), any_(0.8, 0.1, 0.9))
    grass = hsv(rng.uniform(0.17, 0.34), rng.uniform(0.25, 0.6), rng.uniform(0.2, 0.55)) ** 2.2
    g1 = torch.where((out & rng.chance(0.5))[:, None], grass, any_(0.3, 0.2, 0.8))
    g2 = g1 * rng.uniform(0.4, 1.6)[:, None] + 0.1 * any_(0.5, 0.1, 0.8)
    gpattern = torch.where(out, rng.choice([1, 0.3, 0.3, 0.7, 0.3, 3, 1.5, 1, 3]), rng.choice([2, 0.4, 0.4, 1, 0.2, 1, 2, 3, 2]))
    gscale = torch.where(gpattern >= 8, rng.uniform(3, 9), rng.uniform(1.2, 3.5))
    reach_x = where[..., 0].abs().amax(1) + 0.7
    xmin, xmax = -reach_x - rng.uniform(0.0, 3.0), reach_x + rng.uniform(0.0, 3.0)
    zfar, ceiling = where[..., 2].amax(1) + rng.uniform(0.8, 5), torch.maximum(cam["eye"] + 0.4, rng.uniform(2.4, 3.8))
    amb = rng.uniform(0.25, 0.75)[:, None]
    amb_up = amb * (0.7 + 0.3 * torch.where(out[:, None], sky_top / sky_top.amax(-1, keepdim=True), torch.ones_like(c1)))
    amb_down = amb * (0.35 + 0.4 * g1)
    scalar = lambda v: number(v, cam["eye"])[:, None]
    zero = torch.zeros_like(cam["eye"])
    parts = [torch.stack([zero, cam["eye"], zero], -1), cam["right"], cam["up"], cam["forward"], scalar(cam["focal"]), scalar((width - 1) / 2), scalar((height - 1) / 2),
             light, sun, amb_up, amb_down, scalar(kind.float()), c1, c2, g1, g2, scalar(gpattern.float()), scalar(gscale), scalar(rng.uniform(1, 900).floor()),
             scalar(xmin), scalar(xmax), scalar(zfar), scalar(ceiling), c3, scalar(rng.uniform(0, 1)), scalar(rng.uniform(0.5, 0.9)), scalar(rng.uniform(0.15, 0.75))]
    record = torch.cat(parts, -1)
    return torch.cat([record, record.new_zeros(record.shape[0], SCENE - record.shape[1])], -1).contiguous()


def _bounds(prims: torch.Tensor) -> torch.Tensor:
    """A sphere round each owner's parts and the index after its last: (B, OWNERS, 5)."""
    rows = []
    for owner in range(OWNERS):
        lo, hi = owner * SLOTS, min((owner + 1) * SLOTS, prims.shape[1])
        q = prims[:, lo:hi]
        on = (q[..., 3] > 0)[..., None]
        box = (q[..., 21] == BOX)[..., None]
        a = q[..., 0:3]
        b = torch.where(box, a, q[..., 4:7])
        r = torch.where(box[..., 0], q[..., 4:7].norm(dim=-1), torch.maximum(q[..., 3], q[..., 7]))[..., None]
        low = torch.where(on, torch.minimum(a, b) - r, 1e4).amin(1)
        high = torch.where(on, torch.maximum(a, b) + r, -1e4).amax(1)
        any_ = on.any(1)
        centre = torch.where(any_, (low + high) / 2, -1e4)
        radius = torch.where(any_[:, 0], ((high - low) / 2).norm(dim=-1), 0.0)
        rows.append(torch.cat([centre, radius[:, None], torch.full_like(radius, hi)[:, None]], -1))
    return torch.stack(rows, 1).contiguous()


def sample(seeds: torch.Tensor, width: int, height: int, cfg: dict) -> dict[str, torch.Tensor]:
    """Everything about the scenes of `seeds`; keypoints (B,6,17,3) are picture x, y and depth along the view."""
    rng = Rng(seeds)
    people = build(rng, PEOPLE)
    cam = _camera(rng, width, height, cfg, people["height"][:, 0])
    where, yaw = _place(rng, cam, width, cfg)
    count = rng.choice(cfg["people_weights"])
    present = torch.arange(PEOPLE, device=seeds.device) < count[:, None]
    r = rotation(1, yaw)
    world = lambda v, extra: (r.view(*r.shape[:2], *([1] * extra), 3, 3) @ v[..., None])[..., 0] + where.view(*where.shape[:2], *([1] * extra), 3)
    spin = lambda v: turn(r, v)
    prims, heads = people["prims"], people["heads"]
    prims = torch.cat([world(prims[..., 0:3], 1), prims[..., 3:4] * present[..., None, None], world(prims[..., 4:7], 1), prims[..., 7:]], -1)
    prims[..., 22] = torch.arange(PEOPLE, device=seeds.device, dtype=torch.float32)[:, None]
    heads = torch.cat([world(heads[..., 0:3], 0), spin(heads[..., 3:6]), spin(heads[..., 6:9]), spin(heads[..., 9:12]), heads[..., 12:24],
                       spin(heads[..., 24:27]), spin(heads[..., 27:30]), world(heads[..., 30:33], 0), heads[..., 33:]], -1)
    things = _things(rng, people, where, yaw, present, cam, width)
    prims = torch.cat([prims.flatten(1, 2), things], 1).contiguous()
    assert prims.shape[1:] == (PEOPLE * SLOTS + THINGS, PRIM), prims.shape
    joints = world(people["keypoints"], 1)
    v = joints - torch.stack([0 * cam["eye"], cam["eye"], 0 * cam["eye"]], -1)[:, None, None]
    along = lambda k: (v * cam[k][:, None, None]).sum(-1)
    depth = along("forward")
    safe = depth.clamp(min=0.05)
    focal = cam["focal"][:, None, None]
    xy = torch.stack([(width - 1) / 2 + focal * along("right") / safe, (height - 1) / 2 - focal * along("up") / safe, depth], -1)
    return {"prims": prims, "heads": heads.contiguous(), "bounds": _bounds(prims), "scene": _world(rng, cam, where, cfg, width, height), "joints": xy,
            "present": present, "rng": rng}
