"""Poses for the people of tools/demo: joint angles drawn from small libraries of arm, leg and trunk poses.

Not run by itself; body.py calls `sample_angles`. Angles in degrees, positive in the natural sense (flexion forward, abduction away
from the body, inward twist of the arm, outward twist of the leg); body.py turns them into rotations.
"""
from __future__ import annotations

import torch

from rng import Rng, table

TRUNK = ["lean", "tilt", "pitch", "roll", "yaw", "neck_pitch", "neck_roll", "neck_yaw"]
ARM = ["flex", "abduct", "twist", "elbow"]
LEG = ["flex", "abduct", "twist", "knee", "ankle"]

# name: weight, then (low, high) of flex, abduct, twist, elbow
ARMS = {
    "hang": (5.0, (-15, 20), (4, 16), (0, 40), (0, 35)),
    "hip": (1.2, (-20, 5), (35, 60), (60, 100), (80, 110)),
    "folded": (0.8, (15, 40), (5, 20), (50, 80), (90, 120)),
    "up": (1.5, (-10, 30), (130, 175), (-20, 40), (0, 70)),
    "wave": (1.2, (-10, 30), (60, 110), (-110, -60), (50, 130)),
    "forward": (1.4, (55, 110), (-10, 25), (-10, 40), (0, 60)),
    "side": (1.0, (-10, 20), (60, 100), (-30, 30), (0, 50)),
    "phone": (0.8, (20, 60), (5, 35), (10, 50), (110, 145)),
    "hold": (1.5, (10, 45), (5, 25), (10, 50), (50, 110)),
    "back": (0.5, (-50, -15), (5, 20), (20, 60), (15, 80)),
    "sport": (2.0, (-40, 150), (0, 120), (-60, 60), (0, 120)),
}
# name: weight, then for one leg and for the other (low, high) of flex, abduct, twist, knee, ankle, then trunk pitch
LEGS = {
    "stand": (3.0, ((-6, 8), (0, 10), (0, 20), (0, 12), (-5, 5)), ((-6, 8), (0, 10), (0, 20), (0, 12), (-5, 5)), (-6, 10)),
    "relax": (1.5, ((5, 22), (2, 14), (0, 30), (8, 38), (-5, 10)), ((-8, 5), (0, 8), (0, 20), (0, 8), (-5, 5)), (-6, 12)),
    "walk": (2.0, None, None, (-2, 10)),
    "run": (1.3, None, None, (4, 22)),
    "sit": (2.0, ((72, 100), (0, 22), (0, 15), (65, 108), (-10, 10)), ((72, 100), (0, 22), (0, 15), (65, 108), (-10, 10)), (-15, 25)),
    "floor": (0.5, ((80, 115), (15, 42), (15, 50), (100, 140), (-10, 20)), ((80, 115), (15, 42), (15, 50), (100, 140), (-10, 20)), (-5, 30)),
    "crouch": (0.8, ((70, 120), (0, 30), (0, 25), (85, 140), (-25, 0)), ((50, 120), (0, 30), (0, 25), (85, 140), (-25, 0)), (10, 40)),
    "lunge": (0.8, ((35, 85), (0, 20), (0, 20), (45, 95), (-15, 5)), ((-35, -5), (0, 20), (0, 30), (5, 60), (-10, 25)), (-5, 35)),
    "kick": (0.6, ((30, 105), (0, 35), (0, 20), (0, 70), (-10, 30)), ((-10, 15), (0, 10), (0, 20), (0, 30), (-5, 5)), (-15, 20)),
    "jump": (0.6, ((-10, 75), (0, 35), (0, 25), (15, 110), (0, 40)), ((-10, 75), (0, 35), (0, 25), (15, 110), (0, 40)), (-15, 25)),
    "wide": (1.0, ((-6, 25), (12, 35), (0, 30), (0, 40), (-5, 5)), ((-6, 25), (12, 35), (0, 30), (0, 40), (-5, 5)), (-8, 45)),
}
LIMITS = {"arm": ((-60, 175), (-15, 178), (-115, 105), (0, 148)), "leg": ((-40, 125), (-8, 60), (-20, 55), (0, 145), (-30, 45))}


def _table(rows: list, device) -> tuple[torch.Tensor, torch.Tensor]:
    t = table(tuple(rows), device)
    return t[..., 0], t[..., 1]


def _between(rng: Rng, lo: torch.Tensor, hi: torch.Tensor) -> torch.Tensor:
    """Mostly near the middle, always inside."""
    shape = tuple(lo.shape[1:])
    return lo + (hi - lo) * 0.5 * (rng.uniform(0, 1, shape) + rng.uniform(0, 1, shape))


def sample_angles(rng: Rng, people: int) -> dict[str, torch.Tensor]:
    """Angles in degrees for `people` a scene: trunk (B,P,8), arms (B,P,2,4), legs (B,P,2,5), kind of leg pose (B,P), lift (B,P)."""
    dev = rng.seeds.device
    names = list(LEGS)
    kind = rng.choice([v[0] for v in LEGS.values()], (people,))
    flat = ((0, 0),) * 5
    one, other = (_table([v[i] or flat for v in LEGS.values()], dev) for i in (1, 2))
    legs = torch.stack([_between(rng, t[0][kind], t[1][kind]) for t in (one, other)], 2)

    phase = rng.uniform(0, 6.2832, (people, 1)) + table((0.0, 3.14159), dev)
    gait = torch.stack([torch.sin(phase), torch.clamp(torch.sin(phase - 1.2), min=0)], -1)
    effort = rng.uniform(0.6, 1.1, (people, 1))
    for name, base, swing, knee0, knee in (("walk", 3, 28, 6, 45), ("run", 18, 45, 22, 75)):
        step = torch.stack([base + swing * effort * gait[..., 0], 2 + 0 * phase, 6 + 0 * phase,
                            knee0 + knee * effort * gait[..., 1], 10 * gait[..., 1]], -1)
        legs = torch.where((kind == names.index(name))[..., None, None], step, legs)

    lo, hi = _table([v[1:] for v in ARMS.values()], dev)
    which = rng.choice([v[0] for v in ARMS.values()], (people, 2))
    which[..., 1] = torch.where(rng.chance(0.4, (people,)), which[..., 0], which[..., 1])          # often both arms alike
    arms = _between(rng, lo[which], hi[which])
    swing = torch.stack([2 - 24 * effort * gait[..., 0], 6 + 0 * phase, 20 + 0 * phase, 12 + 12 * effort + 0 * phase], -1)
    pump = torch.stack([5 - 48 * effort * gait[..., 0], 12 + 0 * phase, 30 + 0 * phase, 85 + 12 * effort * gait[..., 0]], -1)
    arms = torch.where(((kind == names.index("walk")) & rng.chance(0.6, (people,)))[..., None, None], swing, arms)
    arms = torch.where(((kind == names.index("run")) & rng.chance(0.75, (people,)))[..., None, None], pump, arms)

    plo, phi = _table([v[3] for v in LEGS.values()], dev)
    trunk = torch.zeros(*kind.shape, len(TRUNK), device=dev)
    n = rng.normal((people, len(TRUNK)))
    trunk[..., 0] = n[..., 0] * 3 + torch.where(rng.chance(0.03, (people,)), rng.uniform(-80, 80, (people,)), torch.zeros((), device=dev))
    trunk[..., 1] = n[..., 1] * 3 + torch.where(rng.chance(0.03, (people,)), rng.uniform(-80, 80, (people,)), torch.zeros((), device=dev))
    trunk[..., 2] = _between(rng, plo[kind], phi[kind])
    trunk[..., 3:] = n[..., 3:] * table((5.0, 9, 11, 7, 22), dev)
    trunk[..., 5] -= 0.4 * trunk[..., 2]                                                            # the head stays up when the trunk bends

    noise = rng.normal((people, 2, 9))
    arms, legs = (torch.clamp(v, *_table(LIMITS[k], dev)) for k, v in (("arm", arms + 4 * noise[..., :4]), ("leg", legs + 2 * noise[..., 4:])))
    swap = rng.chance(0.5, (people,))[..., None, None]
    arms, legs = torch.where(swap, arms.flip(2), arms), torch.where(swap, legs.flip(2), legs)
    lift = torch.where(kind == names.index("jump"), rng.uniform(0.1, 0.6, (people,)), torch.zeros((), device=dev))
    lift = torch.where((kind == names.index("run")) & rng.chance(0.4, (people,)), 0 * lift + 0.06, lift)
    return {"trunk": trunk, "arms": arms, "legs": legs, "kind": kind, "lift": lift}
