"""Renders scenes with exact keypoints: builds render.cu for this machine, calls it, and adds what a camera adds.

Run: python tools/demo/render.py --count 12 --size 513x513 --out /tmp/pictures      (numbered JPEGs and annotations.json)
     python tools/demo/render.py --samples --out tools/demo/samples                 (the committed samples again)
"""
from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F

from rng import mix, table
from scene import PEOPLE, sample

HERE = Path(__file__).parent
NAMES = ["nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist",
         "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"]
# How far behind the visible surface a joint may lie and still count as seen, metres.
SEEN = [0.05, 0.05, 0.05, 0.06, 0.06, 0.15, 0.15, 0.10, 0.10, 0.08, 0.08, 0.2, 0.2, 0.12, 0.12, 0.11, 0.11]
LUMA = [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77,
        24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
CHROMA = [17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66] + [99] * 38
GROUP = 128                                                                                           # pictures cast at once
_library: dict[str, ctypes.CDLL] = {}


def config() -> dict:
    return json.loads((HERE / "config.json").read_text())


def library(device: torch.device) -> ctypes.CDLL:
    """Compile render.cu once a process for the CPU or the GPU."""
    kind = device.type
    if kind not in _library:
        out = os.path.join(tempfile.mkdtemp(prefix="posenet_demo_"), f"render_{kind}.so")
        if kind == "cuda":
            major, minor = torch.cuda.get_device_capability(device)
            command = ["nvcc", "-O3", "--use_fast_math", f"-arch=sm_{major}{minor}", "-shared", "-Xcompiler", "-fPIC", "-o", out, str(HERE / "render.cu")]
        else:
            command = ["g++", "-x", "c++", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC", "-o", out, str(HERE / "render.cu")]
        subprocess.run(command, check=True)
        _library[kind] = ctypes.CDLL(out)
    return _library[kind]


def cast(scenes: dict, width: int, height: int, supersample: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Linear colours (B,H,W,3), owner of each pixel (B,H,W; 0 nobody, 1-6 people, 7 things), depth (B,H,W)."""
    prims = scenes["prims"]
    b, n, dev = prims.shape[0], prims.shape[1], prims.device
    rgb = torch.empty(b, height, width, 3, device=dev)
    owner = torch.empty(b, height, width, dtype=torch.uint8, device=dev)
    depth = torch.empty(b, height, width, device=dev)
    ptr = lambda t: ctypes.c_void_p(t.data_ptr())
    stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream if dev.type == "cuda" else 0)
    arrays = [scenes[k].float().contiguous() for k in ("prims", "heads", "bounds", "scene")]
    code = library(dev).render(*map(ptr, arrays), b, n, width, height, supersample, ptr(rgb), ptr(owner), ptr(depth), stream)
    if code:
        raise RuntimeError(f"render.cu: error {code}")
    return rgb, owner, depth


def _blur(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    b, c, h, w = x.shape
    t = torch.arange(-3, 4, device=x.device).float()
    k = torch.exp(-0.5 * (t / sigma.clamp(min=0.05)[:, None]) ** 2)
    k = (k / k.sum(1, keepdim=True)).repeat_interleave(c, 0)
    y = x.reshape(1, b * c, h, w)
    y = F.conv2d(F.pad(y, (3, 3, 0, 0), mode="replicate"), k[:, None, None, :], groups=b * c)
    return F.conv2d(F.pad(y, (0, 0, 3, 3), mode="replicate"), k[:, None, :, None], groups=b * c).view(b, c, h, w)


def _jpeg(x: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """The losses of a JPEG file with halved chroma, on (B,3,H,W) in 0..255, without the entropy coding."""
    b, _, h, w = x.shape
    x = F.pad(x, (0, -w % 16, 0, -h % 16), mode="replicate")
    r, g, bl = x.unbind(1)
    y = 0.299 * r + 0.587 * g + 0.114 * bl
    cb, cr = F.avg_pool2d(torch.stack([(bl - y) * 0.564, (r - y) * 0.713], 1), 2).unbind(1)
    n = torch.arange(8, device=x.device).float()
    dct = torch.cos((2 * n[None] + 1) * n[:, None] * torch.pi / 16) * torch.where(n[:, None] == 0, 0.125**0.5, 0.5)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None] / 100

    def squeeze(p: torch.Tensor, quant: list) -> torch.Tensor:
        q = (table(tuple(quant), x.device).view(8, 8) * scale).round().clamp(1, 255)[:, None, None]
        t = p.unflatten(2, (-1, 8)).unflatten(1, (-1, 8)).transpose(2, 3)
        return (dct.T @ ((dct @ t @ dct.T / q).round() * q) @ dct).transpose(2, 3).flatten(3, 4).flatten(1, 2)

    y = squeeze(y - 128, LUMA) + 128
    cb, cr = (F.interpolate(squeeze(c, CHROMA)[:, None], scale_factor=2)[:, 0] for c in (cb, cr))
    out = torch.stack([y + 1.403 * cr, y - 0.344 * cb - 0.714 * cr, y + 1.773 * cb], 1)
    return out[:, :, :h, :w]


def develop(seeds: torch.Tensor, u: torch.Tensor, rgb: torch.Tensor, cfg: dict, clean: bool = False) -> torch.Tensor:
    """Exposure, tone, blur, noise and JPEG: linear (B,H,W,3) to uint8 (B,H,W,3), by the uniform numbers u (B,12)."""
    b, h, w, _ = rgb.shape
    dev = rgb.device
    x = rgb.permute(0, 3, 1, 2)
    level = x.mean((1, 2, 3)).clamp(min=1e-3)
    x = x * (0.28 / level * (2.0 ** ((u[:, 0] - 0.5) * (0.5 if clean else 1.8))))[:, None, None, None]
    x = x * (1 + 0.12 * (u[:, 1:4] - 0.5))[:, :, None, None]
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, h, device=dev), torch.linspace(-1, 1, w, device=dev), indexing="ij")
    x = x * (1 - 0.25 * u[:, 4, None, None] * (xx**2 + yy**2) * 0.5)[:, None]
    x = x / (1 + 0.25 * x) * 1.2
    x = x.clamp(0, 1) ** (1 / 2.2)
    contrast = 1 if clean else (0.75 + 0.5 * u[:, 5])[:, None, None, None]
    x = (x - 0.5) * contrast + 0.5
    grey = x.mean(1, keepdim=True)
    colour = torch.where(u[:, 6] < 0.04, 0.0, 0.7 + 0.5 * u[:, 7])[:, None, None, None]
    x = x if clean else grey + (x - grey) * colour
    lo, hi = cfg["blur_sigma"]
    if not clean:
        x = _blur(x, lo + (hi - lo) * u[:, 8] ** 2)
    lo, hi = cfg["noise"]
    key = mix(seeds)[:, None] + torch.arange(h * w * 3, device=dev) * 0x9E3779B1
    bits = mix(key)
    noise = ((bits & 0xFFFF) + (bits >> 16)).float().view(b, 3, h, w) / 65536 - 1
    x = x + noise * (0.01 if clean else 2.4 * (lo + (hi - lo) * u[:, 9] ** 2)[:, None, None, None])
    x = x.clamp(0, 1) * 255
    lo, hi = cfg["jpeg_quality"]
    if not clean:
        x = _jpeg(x, lo + (hi - lo) * u[:, 10])
    return x.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def annotate(scenes: dict, owner: torch.Tensor, depth: torch.Tensor, cfg: dict) -> dict[str, torch.Tensor]:
    """keypoints (B,6,17,3): x, y and 2 seen, 1 hidden, 0 outside; area (B,6) in pixels; ignore (B,6): tiny or nearly hidden."""
    b, h, w = owner.shape
    joints = scenes["joints"]
    x, y, z = joints.unbind(-1)
    inside = (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1) & (z > 0.1) & scenes["present"][..., None]
    at = y.round().clamp(0, h - 1).long() * w + x.round().clamp(0, w - 1).long()
    surface = depth.flatten(1).gather(1, at.flatten(1)).view_as(z)
    seen = inside & (surface >= z - table(tuple(SEEN), z.device))
    area = torch.stack([(owner == i + 1).flatten(1).sum(1) for i in range(PEOPLE)], 1)
    state = inside.long() + seen.long()
    there = scenes["present"] & inside.any(-1) & (area > 0)
    ignore = there & ((area < cfg["ignore_area"] * (min(h, w) / 513) ** 2) | (seen.sum(-1) < cfg["ignore_visible"]))
    return {"keypoints": torch.stack([x, y, state.float()], -1), "area": area, "there": there, "ignore": ignore}


def pictures(seeds: torch.Tensor, width: int, height: int, cfg: dict, supersample: int | None = None, clean: bool = False) -> tuple[torch.Tensor, dict]:
    """uint8 pictures (B,H,W,3) and their annotations for these seeds."""
    scenes = sample(seeds, width, height, cfg)
    rng = scenes.pop("rng")
    chance = rng.uniform(0, 1, (12,))
    images, notes = [], []
    for i in range(0, len(seeds), GROUP):
        part = {k: v[i:i + GROUP] for k, v in scenes.items()}
        rgb, owner, depth = cast(part, width, height, supersample or cfg["supersample"])
        images.append(develop(rng.seeds[i:i + GROUP], chance[i:i + GROUP], rgb, cfg, clean))
        notes.append(annotate(part, owner, depth, cfg))
    return torch.cat(images), {k: torch.cat([n[k] for n in notes]) for k in notes[0]}


def truth(name: str, notes: dict, i: int, width: int, height: int, seed: int) -> dict:
    """One picture's true poses as JSON, persons without a visible pixel left out."""
    people = []
    for p in range(PEOPLE):
        if not notes["there"][i, p]:
            continue
        kp = notes["keypoints"][i, p].tolist()
        people.append({"area": int(notes["area"][i, p]), "ignore": bool(notes["ignore"][i, p]),
                       "keypoints": [{"name": n, "x": round(x, 3), "y": round(y, 3), "visible": int(v)} for n, (x, y, v) in zip(NAMES, kp)]})
    return {"image": name, "width": width, "height": height, "seed": seed, "people": people}


def main() -> None:
    from PIL import Image
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--count", type=int, default=4)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--seeds", help="comma separated, instead of --seed and --count")
    a.add_argument("--size", default="513x513")
    a.add_argument("--supersample", type=int)
    a.add_argument("--clean", action="store_true", help="no blur, noise or JPEG losses before the file's own")
    a.add_argument("--quality", type=int, default=92)
    a.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    a.add_argument("--samples", action="store_true", help="the scenes that config.json names")
    a.add_argument("--out", type=Path, required=True)
    args = a.parse_args()
    jobs = {f"{s:09d}": int(s) for s in (map(int, args.seeds.split(",")) if args.seeds else range(args.seed, args.seed + args.count))}
    if args.samples:
        fixed = config()["samples"]
        jobs, args.size, args.supersample, args.clean, args.quality = fixed["seeds"], fixed["size"], fixed["supersample"], True, fixed["quality"]
    width, height = map(int, args.size.split("x"))
    args.out.mkdir(parents=True, exist_ok=True)
    names, seeds = list(jobs), list(jobs.values())
    for i in range(0, len(seeds), 32):
        part = torch.tensor(seeds[i:i + 32], device=args.device)
        images, notes = pictures(part, width, height, config()["renderer"], args.supersample, args.clean)
        for j, name in enumerate(names[i:i + 32]):
            Image.fromarray(images[j].cpu().numpy()).save(args.out / f"{name}.jpg", quality=args.quality)
            poses = truth(f"{name}.jpg", notes, j, width, height, seeds[i + j])
            (args.out / f"{name}.json").write_text(json.dumps(poses, indent=1) + "\n")


if __name__ == "__main__":
    main()
