"""Trains the demo model on rendered people, in pieces: each call goes on from the checkpoint and spends --seconds.

Run: python tools/demo/train.py --out /tmp/demo --seconds 480            (one GPU; model.pt and checkpoint.pt)
     python tools/demo/train.py --out /tmp/demo --bench                  (speeds of renderer and training step)
The schedule is a share of the whole training time in config.json (`minutes`), so several short pieces equal a long one.
"""
from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from model import STRIDE, PoseNet, losses, targets
from render import config, pictures

MIRROR = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


class Pool:
    """A ring of rendered pictures on the device; each is used about `reuse` times, cut out differently every time."""

    def __init__(self, cfg: dict, first_seed: int, count: int, device: torch.device, chunk: int = 512):
        self.cfg, self.device, self.chunk, self.count = cfg, device, chunk, count
        self.side = cfg["training"]["picture"]
        self.next_seed, self.filled, self.at = first_seed, 0, 0
        self.images = torch.empty(count, self.side, self.side, 3, dtype=torch.uint8, device=device)
        self.joints = torch.zeros(count, 6, 17, 3, device=device)
        self.there = torch.zeros(count, 6, dtype=torch.bool, device=device)
        self.ignore = torch.zeros(count, 6, dtype=torch.bool, device=device)

    def render(self) -> None:
        """Replace the oldest `chunk` pictures."""
        seeds = torch.arange(self.next_seed, self.next_seed + self.chunk, device=self.device)
        fine = self.next_seed // self.chunk % self.cfg["training"]["supersample_every"] == 0
        images, notes = pictures(seeds, self.side, self.side, self.cfg["renderer"], 2 if fine else 1)
        part = slice(self.at, self.at + self.chunk)
        self.images[part], self.joints[part], self.there[part], self.ignore[part] = images, notes["keypoints"], notes["there"], notes["ignore"]
        self.next_seed += self.chunk
        self.at = (self.at + self.chunk) % self.count
        self.filled = min(self.filled + self.chunk, self.count)

    def crops(self, batch: int, side: int) -> tuple[torch.Tensor, dict]:
        """Network inputs (B,3,side,side) and their joints, turned, zoomed, mirrored and re-lit."""
        dev, cfg = self.device, self.cfg["training"]
        pick = torch.randint(self.filled, (batch,), device=dev)
        u = torch.rand(batch, 16, device=dev)
        lo, hi = cfg["zoom"]
        zoom = side / self.side * lo * (hi / lo) ** u[:, 0]
        angle = torch.deg2rad(torch.randn(batch, device=dev) * cfg["turn_sigma"])
        flip = torch.where(u[:, 1] < 0.5, -1.0, 1.0)
        c, s = angle.cos(), angle.sin()
        to_source = torch.stack([torch.stack([c * flip, -s], -1), torch.stack([s * flip, c], -1)], 1) / zoom[:, None, None]
        centre = (self.side - 1) / 2 + (u[:, 2:4] - 0.5) * 0.3 * self.side
        mid = (side - 1) / 2
        yy, xx = torch.meshgrid(torch.arange(side, device=dev) - mid, torch.arange(side, device=dev) - mid, indexing="ij")
        grid = torch.einsum("bij,hwj->bhwi", to_source, torch.stack([xx, yy], -1)) + centre[:, None, None]
        x = self.images[pick].permute(0, 3, 1, 2).float()
        x = F.grid_sample(x, grid * (2 / (self.side - 1)) - 1, align_corners=True,
                          padding_mode="border" if torch.rand(()) < 0.7 else "zeros") / 255
        gain = (0.8 + 0.45 * u[:, 4:5]) * (1 + 0.12 * (u[:, 5:8] - 0.5))
        x = (x * gain[:, :, None, None] + 0.12 * (u[:, 8, None, None, None] - 0.5)).clamp(0, 1)
        bar = torch.where(u[:, 9] < 0.2, u[:, 10] * 0.22, 0.0)[:, None, None] * side                  # the letterbox
        pos = torch.where((u[:, 11] < 0.5)[:, None, None], xx, yy).abs()
        x = x * (pos < mid + 1 - bar)[:, None]
        from_source = torch.linalg.inv(to_source)
        kp, state = self.joints[pick][..., :2], self.joints[pick][..., 2]
        kp = torch.einsum("bij,bpkj->bpki", from_source, kp - centre[:, None, None]) + mid
        mirrored = (flip < 0)[:, None, None]
        kp = torch.where(mirrored[..., None], kp[:, :, MIRROR], kp)
        state = torch.where(mirrored, state[:, :, MIRROR], state)
        axis = torch.where((u[:, 11] < 0.5)[:, None, None], kp[..., 0], kp[..., 1])
        inside = ((kp >= 0) & (kp <= side - 1)).all(-1) & ((axis - mid).abs() < mid + 1 - bar) & (state > 0) & self.there[pick][..., None]
        box = kp.amax(2) - kp.amin(2)
        skip = self.ignore[pick][..., None]
        return x * 2 - 1, {"joints": kp, "use": inside & ~skip, "skip": inside & skip, "size": box.clamp(min=1, max=2.0 * side).prod(-1).sqrt()}


class Trainer:
    def __init__(self, cfg: dict, out: Path, device: torch.device, compiled: bool):
        self.cfg, self.out, self.device = cfg["training"], out, device
        self.model = PoseNet(self.cfg["multiplier"]).to(device, memory_format=torch.channels_last)
        self.ema = PoseNet(self.cfg["multiplier"]).to(device).eval()
        self.ema.load_state_dict(self.model.state_dict())
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, weight_decay=self.cfg["weight_decay"], betas=(0.9, 0.99),
                                           fused=device.type == "cuda")
        self.step_count, self.spent, self.next_seed = 0, 0.0, cfg["seeds"]["training"]
        self.path = out / "checkpoint.pt"
        if self.path.exists():
            state = torch.load(self.path, map_location=device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.ema.load_state_dict(torch.load(out / "model.pt", map_location=device, weights_only=True)["ema"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step_count, self.spent, self.next_seed = state["step"], state["spent"], state["next_seed"]
        self.forward = torch.compile(self.model) if compiled else self.model

    def save(self, pool: Pool) -> None:
        torch.save({"ema": self.ema.state_dict(), "multiplier": self.cfg["multiplier"], "spent": self.spent, "step": self.step_count}, self.out / "model.pt")
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step_count, "spent": self.spent,
                    "next_seed": pool.next_seed}, self.path)

    def rate(self, done: float) -> float:
        """Linear warm-up, then half a cosine over the share of the time that is done."""
        warm = self.cfg["warmup"]
        shape = done / warm if done < warm else 0.5 + 0.5 * math.cos(math.pi * min(1.0, (done - warm) / (1 - warm)))
        return self.cfg["learning_rate"] * max(shape, 0.003)

    def step(self, x: torch.Tensor, marks: dict, done: float) -> dict[str, torch.Tensor]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(done)
        cells = (x.shape[2] - 1) // STRIDE + 1
        goal = targets(marks["joints"], marks["use"], marks["skip"], marks["size"], cells, cells, self.cfg)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            heads = self.forward(x.contiguous(memory_format=torch.channels_last))
        parts = losses(heads, goal, self.cfg)
        self.optimizer.zero_grad(set_to_none=True)
        sum(parts.values()).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0, foreach=True)
        self.optimizer.step()
        self.step_count += 1
        keep = min(self.cfg["ema"], (1 + self.step_count) / (10 + self.step_count))
        with torch.no_grad():
            mine, theirs = self.ema.state_dict(), self.model.state_dict()
            names = [k for k, v in mine.items() if v.is_floating_point()]
            torch._foreach_lerp_([mine[k] for k in names], [theirs[k] for k in names], 1 - keep)
        return {k: v.detach() for k, v in parts.items()}


def train(trainer: Trainer, pool: Pool, buckets: list, seconds: float, first_fill: int) -> None:
    whole = 60 * trainer.cfg["minutes"]
    start, spent, shown, saved = time.time(), trainer.spent, time.time(), time.time()
    while pool.filled < min(first_fill, pool.count):
        pool.render()
    print(f"pool of {pool.filled} pictures in {time.time() - start:.1f} s", flush=True)
    due, crops, sums, n = 0.0, 0, {}, 0
    bucket_rng = torch.Generator().manual_seed(trainer.step_count + 1)
    while time.time() - start < seconds:
        side, batch = buckets[int(torch.randint(len(buckets), (1,), generator=bucket_rng))]
        parts = trainer.step(*pool.crops(batch, side), (spent + time.time() - start) / whole)
        crops += batch
        due += batch / trainer.cfg["reuse"] if pool.filled == pool.count else batch / trainer.cfg["reuse"] * 1.3
        while due >= pool.chunk:
            pool.render()
            due -= pool.chunk
        sums = {k: sums.get(k, 0) + v for k, v in parts.items()}
        n += 1
        if n % 5 == 0 and pool.device.type == "cuda":
            torch.cuda.synchronize()
        if time.time() - shown > 10:
            values = "  ".join(f"{k} {float(v) / n:.4f}" for k, v in sums.items())
            print(f"{spent + time.time() - start:6.1f} s  step {trainer.step_count}  {crops / (time.time() - start):.0f} crops/s  "
                  f"{pool.next_seed - trainer.next_seed} pictures  {values}", flush=True)
            shown, sums, n = time.time(), {}, 0
        if time.time() - saved > 120:
            trainer.spent = spent + time.time() - start
            trainer.save(pool)
            saved = time.time()
    trainer.spent = spent + time.time() - start
    trainer.save(pool)


def bench(trainer: Trainer, cfg: dict, device: torch.device, buckets: list) -> None:
    def timed(name: str, count: int, run, repeats: int = 5) -> None:
        t0 = time.time()
        run()
        torch.cuda.synchronize()
        t1 = time.time()
        for _ in range(repeats):
            run()
        torch.cuda.synchronize()
        print(f"{name}: first {t1 - t0:.2f} s, then {count * repeats / (time.time() - t1):.0f} a second", flush=True)

    from render import annotate, cast, develop
    from scene import sample
    if trainer.forward is not trainer.model:
        x = torch.rand(128, 3, 385, 385, device=device)
        marks = {"joints": torch.rand(128, 6, 17, 2, device=device) * 384, "use": torch.rand(128, 6, 17, device=device) < 0.7,
                 "skip": torch.rand(128, 6, 17, device=device) < 0.1, "size": torch.rand(128, 6, device=device) * 200 + 30}
        timed("compiled step 385", 128, lambda: trainer.step(x, marks, 0.01))
        return
    seeds = torch.arange(1, 513, device=device)
    side, options = cfg["training"]["picture"], cfg["renderer"]
    scenes = sample(seeds, side, side, options)
    rng = scenes.pop("rng")
    scenes, u, keys = {k: v[:64] for k, v in scenes.items()}, rng.uniform(0, 1, (12,))[:64], rng.seeds[:64]
    timed("sample", 512, lambda: sample(seeds, side, side, options))
    for ss in (1, 2):
        timed(f"cast {side} supersample {ss}", 64, lambda: cast(scenes, side, side, ss))
    rgb, owner, depth = cast(scenes, side, side, 1)
    timed("develop", 64, lambda: develop(keys, u, rgb, options))
    timed("annotate", 64, lambda: annotate(scenes, owner, depth, options))
    pool = Pool(cfg, 1, 512, device)
    timed("pool", 512, pool.render)
    for side, batch in buckets:
        x, marks = pool.crops(batch, side)
        timed(f"crops {side}", batch, lambda: pool.crops(batch, side))
        timed(f"step {side}", batch, lambda: trainer.step(x, marks, 0.01))
    from torch.profiler import ProfilerActivity, profile
    with profile(activities=[ProfilerActivity.CUDA]) as record:
        trainer.step(x, marks, 0.01)
        torch.cuda.synchronize()
    print(record.key_averages().table(sort_by="cuda_time_total", row_limit=14, max_name_column_width=90))
    print(f"memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


def main() -> None:
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--out", type=Path, required=True)
    a.add_argument("--seconds", type=float, default=480)
    a.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    a.add_argument("--compile", action="store_true")
    a.add_argument("--bench", action="store_true")
    a.add_argument("--set", action="append", default=[], help="KEY=VALUE of the training options, for trials")
    args = a.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    cfg, device = config(), torch.device(args.device)
    for pair in args.set:
        key, value = pair.split("=")
        cfg["training"][key] = json.loads(value)
    torch.manual_seed(7)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.benchmark_limit = 3                                                          # the search itself takes a third of a minute otherwise
    trainer = Trainer(cfg, args.out, device, args.compile)
    if args.bench:
        bench(trainer, cfg, device, cfg["training"]["buckets"])
        return
    pool = Pool(cfg, trainer.next_seed, cfg["training"]["pool"], device, min(512, cfg["training"]["pool"]))
    train(trainer, pool, cfg["training"]["buckets"], args.seconds, cfg["training"]["pool"] // 3)
    print(f"spent {trainer.spent:.1f} s, {trainer.step_count} steps, next seed {pool.next_seed}")


if __name__ == "__main__":
    main()
