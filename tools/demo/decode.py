"""A second, independent way from picture to poses: letterbox, ONNX Runtime, and PoseNet's decoding in numpy.

Not run by itself; evaluate.py uses it to measure the model without the engine. It follows the rules of Google's decoder: candidates are
local maxima over the threshold, the skeleton is walked backwards and forwards from each, poses near earlier ones are dropped by root.
"""
from __future__ import annotations

import math

import numpy as np

from model import EDGES, HEADS

STRIDE = 16


def legal(v: int) -> int:
    return v // STRIDE * STRIDE + 1


def letterbox(rgb: np.ndarray, width: int, height: int) -> tuple[np.ndarray, tuple[int, int], tuple[float, float]]:
    """Zero pads to the target's aspect, then plain bilinear. Returns the input in 0..255, pads (left, top), scale of each axis."""
    h, w = rgb.shape[:2]
    target = width / height
    left = top = 0
    if w / h < target:
        left = math.floor(0.5 * (target * h - w) + 0.5)
    else:
        top = math.floor(0.5 * ((1.0 / target) * w - h) + 0.5)
    x = np.zeros((h + 2 * top, w + 2 * left, 3), np.float32)
    x[top:top + h, left:left + w] = rgb
    ph, pw = x.shape[:2]

    def axis(n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        src = (np.float32(n_in) / np.float32(n_out)) * np.arange(n_out, dtype=np.float32)
        lo = np.floor(src).astype(int)
        return lo, np.minimum(np.ceil(src).astype(int), n_in - 1), src - lo

    y0, y1, fy = axis(ph, height)
    x0, x1, fx = axis(pw, width)
    fx, fy = fx[None, :, None], fy[:, None, None]
    top_row = x[y0][:, x0] + (x[y0][:, x1] - x[y0][:, x0]) * fx
    bottom_row = x[y1][:, x0] + (x[y1][:, x1] - x[y1][:, x0]) * fx
    return top_row + (bottom_row - top_row) * fy, (left, top), (pw / width, ph / height)


def decode(heads: dict[str, np.ndarray], max_poses: int = 20, threshold: float = 0.5, radius: float = 20.0) -> list[dict]:
    """Heads (C,h,w) to poses in input pixels: [{score, points (17,2) x y, scores (17,)}]."""
    score = (1.0 / (1.0 + np.exp(-heads["heatmaps"].astype(np.float64)))).astype(np.float32)
    k, h, w = score.shape
    off, fwd, bwd = heads["offsets"], heads["displacement_fwd"], heads["displacement_bwd"]
    padded = np.pad(score, ((0, 0), (1, 1), (1, 1)), constant_values=-1)
    best = np.max([padded[:, dy:dy + h, dx:dx + w] for dy in range(3) for dx in range(3)], 0)
    part, cy, cx = np.nonzero((score >= threshold) & (score >= best))
    order = np.lexsort((cy * w + cx, part, -score[part, cy, cx]))
    cell = lambda p: (int(np.clip(math.floor(p[1] / STRIDE + 0.5), 0, h - 1)), int(np.clip(math.floor(p[0] / STRIDE + 0.5), 0, w - 1)))
    at = lambda q, y, x: np.array([x * STRIDE + off[q + 17, y, x], y * STRIDE + off[q, y, x]], np.float32)

    def step(field: np.ndarray, edge: int, target: int, p: np.ndarray) -> tuple[np.ndarray, float]:
        y, x = cell(p)
        p = p + np.array([field[edge + 16, y, x], field[edge, y, x]], np.float32)
        for _ in range(2):
            p = at(target, *cell(p))
        y, x = cell(p)
        return p, float(score[target, y, x])

    poses: list[dict] = []
    near = lambda q, p: any(((o["points"][q] - p) ** 2).sum() <= radius * radius for o in poses)
    for i in order:
        if len(poses) == max_poses:
            break
        root, y, x = int(part[i]), int(cy[i]), int(cx[i])
        start = at(root, y, x)
        if near(root, start):
            continue
        points, scores, done = np.zeros((17, 2), np.float32), np.zeros(17, np.float32), {root}
        points[root], scores[root] = start, score[root, y, x]
        for field, edges in ((bwd, [(e, c, p) for e, (p, c) in reversed(list(enumerate(EDGES)))]), (fwd, [(e, p, c) for e, (p, c) in enumerate(EDGES)])):
            for e, source, target in edges:
                if source in done and target not in done:
                    points[target], scores[target] = step(field, e, target, points[source])
                    done.add(target)
        kept = sum(float(scores[q]) for q in range(17) if not near(q, points[q]))
        poses.append({"score": kept / 17, "points": points, "scores": scores})
    return poses


class OnnxPoseNet:
    """The model in ONNX Runtime with the decoder above: picture to the JSON of `posenet run`."""

    def __init__(self, path: str, width: int = 513, height: int = 513, max_poses: int = 20):
        import onnxruntime
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.width, self.height, self.max_poses = legal(width), legal(height), max_poses

    def __call__(self, rgb: np.ndarray, name: str, names: list[str]) -> dict:
        x, (left, top), (sx, sy) = letterbox(rgb, self.width, self.height)
        heads = self.session.run(list(HEADS), {"image": (x / 127.5 - 1).astype(np.float32).transpose(2, 0, 1)[None]})
        poses = decode({n: v[0] for n, v in zip(HEADS, heads)}, self.max_poses)
        point = lambda n, p, s: {"name": n, "x": float(p[0] * sx - left), "y": float(p[1] * sy - top), "score": float(s)}
        return {"image": name, "width": rgb.shape[1], "height": rgb.shape[0], "input": {"width": self.width, "height": self.height},
                "poses": [{"score": p["score"], "keypoints": [point(*t) for t in zip(names, p["points"], p["scores"])]} for p in poses]}
