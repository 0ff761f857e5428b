"""Counted random numbers for tools/demo: each scene is a function of its own seed, the same on the CPU and on the GPU.

Not run by itself; pose.py, body.py, scene.py and render.py draw from `Rng`.
"""
from __future__ import annotations

import math

import torch

_M = 0xFFFFFFFF


def mix(x: torch.Tensor) -> torch.Tensor:
    """Scramble 32-bit numbers held in int64."""
    x = x & _M
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & _M
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & _M
    return x ^ (x >> 16)


class Rng:
    """One stream a scene: every draw of shape (...) returns a tensor (scenes, ...)."""

    def __init__(self, seeds: torch.Tensor):
        self.seeds = mix(seeds.long() * 2 + 1)
        self.draws = 0

    def bits(self, *shape: int) -> torch.Tensor:
        self.draws += 1
        key = mix(self.seeds ^ mix(torch.full_like(self.seeds, self.draws * 0x9E3779B9)))
        lane = torch.arange(math.prod(shape), device=key.device) * 0x9E3779B1
        return mix(mix(key[:, None] + lane) ^ key[:, None]).view(-1, *shape)

    def uniform(self, lo=0.0, hi=1.0, shape: tuple = ()) -> torch.Tensor:
        u = (self.bits(*shape) >> 8).float() * 2.0**-24
        return lo + (hi - lo) * u

    def normal(self, shape: tuple = ()) -> torch.Tensor:
        """About normal: twelve uniforms would be exact enough; four, scaled, keep the tails short."""
        return (self.uniform(0, 1, (*shape, 4)).sum(-1) - 2) * math.sqrt(3)

    def chance(self, p, shape: tuple = ()) -> torch.Tensor:
        return self.uniform(0, 1, shape) < p

    def choice(self, weights, shape: tuple = ()) -> torch.Tensor:
        """Indices drawn by weight."""
        w = torch.as_tensor(weights, dtype=torch.float64)
        edges = (torch.cumsum(w, 0) / w.sum()).float()[:-1].to(self.seeds.device)
        return (self.uniform(0, 1, shape)[..., None] >= edges).sum(-1)
