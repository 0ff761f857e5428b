"""Counted random numbers for tools/demo: each scene is a function of its own seed, the same on the CPU and on the GPU.

Not run by itself; pose.py, body.py, scene.py and render.py draw from `Rng`.
"""
from __future__ import annotations

import functools
import math

import torch

_M = 0xFFFFFFFF


def mix(x: torch.Tensor) -> torch.Tensor:
    """Scramble 32-bit numbers held in int64."""
    x = x & _M
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & _M
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & _M
    return x ^ (x >> 16)


def _mix_number(x: int) -> int:
    x &= _M
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & _M
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & _M
    return x ^ (x >> 16)


@functools.lru_cache(maxsize=256)
def table(rows: tuple, device: torch.device) -> torch.Tensor:
    """A constant on the device, copied there once."""
    return torch.tensor(rows, dtype=torch.float32, device=device)


@functools.lru_cache(maxsize=256)
def _edges(weights: tuple, device: torch.device) -> torch.Tensor:
    w = torch.tensor(weights, dtype=torch.float64)
    return (torch.cumsum(w, 0) / w.sum()).float()[:-1].to(device)


class Rng:
    """One stream a scene: every draw of shape (...) returns a tensor (scenes, ...). Numbers are made a block at a time."""

    BLOCK = 4096

    def __init__(self, seeds: torch.Tensor):
        self.seeds = mix(seeds.long() * 2 + 1)
        self.blocks = self.at = 0
        self.block = torch.empty(0)

    def _next_block(self, n: int) -> None:
        self.blocks += 1
        key = mix(self.seeds ^ _mix_number(self.blocks * 0x9E3779B9))
        lane = torch.arange(n, device=key.device) * 0x9E3779B1
        bits = mix(mix(key[:, None] + lane) ^ key[:, None])
        self.block, self.at = (bits >> 8).float() * 2.0**-24, 0

    def uniform(self, lo=0.0, hi=1.0, shape: tuple = ()) -> torch.Tensor:
        n = math.prod(shape)
        if self.at + n > self.block.shape[-1]:
            self._next_block(max(n, self.BLOCK))
        u = self.block[:, self.at:self.at + n].unflatten(1, shape) if shape else self.block[:, self.at]
        self.at += n
        return u if (lo, hi) == (0.0, 1.0) else lo + (hi - lo) * u

    def normal(self, shape: tuple = ()) -> torch.Tensor:
        """About normal, with short tails: the sum of four uniforms, scaled."""
        return (self.uniform(0, 1, (*shape, 4)).sum(-1) - 2) * math.sqrt(3)

    def chance(self, p, shape: tuple = ()) -> torch.Tensor:
        return self.uniform(0, 1, shape) < p

    def choice(self, weights, shape: tuple = ()) -> torch.Tensor:
        """Indices drawn by weight."""
        return (self.uniform(0, 1, shape)[..., None] >= _edges(tuple(weights), self.seeds.device)).sum(-1)
