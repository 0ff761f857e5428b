"""Accuracy on people drawn for no training: OKS-AP as COCO counts it, and PCK@0.2, for any command that writes posenet's JSON.

Run: python tools/demo/evaluate.py --model M.onnx --onnxruntime                            (this folder's own decoder)
     python tools/demo/evaluate.py --model M.onnx --posenet build/posenet --device cpu,cuda --precision fp32,fp16
     python tools/demo/evaluate.py --ideal                                                 (perfect heads: what the decoder itself costs)
     python tools/demo/evaluate.py --model M.onnx --onnxruntime --photos FOLDER --golden FOLDER    (against another model's poses)
The held-out pictures are drawn into --pictures if that folder is empty (some minutes on a CPU); config.json fixes their seeds.
Needs numpy, pillow, pycocotools; PyTorch to draw; onnxruntime for --onnxruntime.
"""
from __future__ import annotations

import argparse
import contextlib
import io
import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000.0


def names() -> list[str]:
    sides = lambda n: [f"left_{n}", f"right_{n}"]
    return ["nose"] + sum((sides(n) for n in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")), [])


def held_out(folder: Path, count: int | None) -> list[dict]:
    """The true poses of the held-out pictures, drawn now if they are not there."""
    cfg = json.loads((HERE / "config.json").read_text())
    count = count or cfg["held_out"]["pictures"]
    first, size = cfg["seeds"]["held_out"], cfg["held_out"]["size"]
    if len(list(folder.glob("*.json"))) < count:
        subprocess.run([sys.executable, str(HERE / "render.py"), "--seed", str(first), "--count", str(count), "--size", f"{size}x{size}", "--quality", "95",
                        "--out", str(folder)], check=True)
    return [json.loads(p.read_text()) for p in sorted(folder.glob("*.json"))[:count]]


def by_onnxruntime(model: str, paths: list[Path], width: int, height: int, max_poses: int) -> list[dict]:
    from PIL import Image, ImageOps

    from decode import OnnxPoseNet
    net = OnnxPoseNet(model, width, height, max_poses)
    return [net(np.asarray(ImageOps.exif_transpose(Image.open(p)).convert("RGB")), p.name, names()) for p in paths]


def by_command(command: list[str], paths: list[Path]) -> list[dict]:
    """posenet's JSON for these pictures; pictures go to the command in groups."""
    out: list[dict] = []
    for i in range(0, len(paths), 100):
        part = [str(p) for p in paths[i:i + 100]]
        done = subprocess.run(command + part, stdout=subprocess.PIPE, check=True)
        got = json.loads(done.stdout)
        out += got if isinstance(got, list) else [got]
    if len(out) != len(paths):
        raise SystemExit(f"{len(paths)} pictures asked, {len(out)} answered")
    return out


def by_perfect_heads(truth: list[dict]) -> list[dict]:
    """The training targets themselves, decoded: no network can do better through this decoder."""
    import torch

    from decode import decode
    from model import targets
    cfg, out = json.loads((HERE / "config.json").read_text())["training"], []
    for t in truth:
        h, w = (t["height"] - 1) // 16 + 1, (t["width"] - 1) // 16 + 1
        kp = torch.tensor([[[k["x"], k["y"], k["visible"]] for k in p["keypoints"]] for p in t["people"]], dtype=torch.float32).view(1, -1, 17, 3)
        if not kp.numel():
            out.append({"poses": []})
            continue
        counts = torch.tensor([not p["ignore"] for p in t["people"]])[None, :, None] & (kp[..., 2] > 0)
        g = targets(kp[..., :2], counts, torch.zeros_like(counts), torch.full(kp.shape[:2], 100.0), h, w, cfg)
        logit = torch.where(g["offset_weight"] > 0, 4 * (1 - g["offset"].norm(dim=1) / cfg["heat_radius"]), torch.tensor(-8.0))
        heads = {"heatmaps": logit.view(17, h, w).numpy()}
        for key, name in (("offset", "offsets"), ("fwd", "displacement_fwd"), ("bwd", "displacement_bwd")):
            heads[name] = (g[key] * (g[f"{key}_weight"][:, None] > 0)).reshape(-1, h, w).numpy()
        pose = lambda p: {"score": p["score"], "keypoints": [{"name": n, "x": float(x), "y": float(y)} for n, (x, y) in zip(names(), p["points"])]}
        out.append({"poses": [pose(p) for p in decode(heads)]})
    return out


def flat(pose: dict) -> np.ndarray:
    return np.array([[k["x"], k["y"]] for k in pose["keypoints"]])


def coco(truth: list[dict], found: list[dict]) -> dict[str, float]:
    """COCO's keypoint figures. Ignored people (tiny or nearly hidden, by config.json's rule) are crowd: they neither count nor harm."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    people, results = [], []
    for i, t in enumerate(truth):
        for p in t["people"]:
            kp = [[k["x"], k["y"], k["visible"]] for k in p["keypoints"]]
            kp = [[0, 0, 0] if not v else [x, y, v] for x, y, v in kp]
            xy = flat(p)
            box = [*xy.min(0).tolist(), *(xy.max(0) - xy.min(0)).tolist()]
            people.append({"id": len(people) + 1, "image_id": i, "category_id": 1, "area": p["area"], "bbox": box, "iscrowd": int(p["ignore"]),
                           "keypoints": sum(kp, []), "num_keypoints": sum(k[2] > 0 for k in kp)})
        for p in found[i]["poses"]:
            results.append({"image_id": i, "category_id": 1, "score": p["score"], "keypoints": sum(([k["x"], k["y"], 1] for k in p["keypoints"]), [])})
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = {"images": [{"id": i, "width": t["width"], "height": t["height"]} for i, t in enumerate(truth)], "annotations": people,
                      "categories": [{"id": 1, "name": "person", "keypoints": names(), "skeleton": []}]}
        gt.createIndex()
        if not results:
            return {"AP": 0.0, "AP50": 0.0, "AP75": 0.0, "AR": 0.0}
        run = COCOeval(gt, gt.loadRes(results), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return {"AP": float(run.stats[0]), "AP50": float(run.stats[1]), "AP75": float(run.stats[2]), "AR": float(run.stats[5])}


def oks(a: np.ndarray, b: np.ndarray, area: float, use: np.ndarray) -> float:
    """Likeness of two poses over the joints in `use`, as COCO defines it."""
    e = ((a - b) ** 2).sum(1) / (2 * (2 * SIGMAS) ** 2 * (area + np.spacing(1)))
    return float(np.exp(-e)[use].mean()) if use.any() else 0.0


def pck(truth: list[dict], found: list[dict]) -> dict[str, float]:
    """Share of seen joints found within 0.2 of the person's size: of the torso's length (the mean of its two sides), or of the longer
    side of the box round the joints in the picture. Each person takes the pose most like it, no pose twice; nobody found: all joints wrong."""
    hits_torso = hits_box = total = 0
    for t, f in zip(truth, found):
        real = [p for p in t["people"] if not p["ignore"]]
        state = [np.array([k["visible"] for k in p["keypoints"]]) for p in real]
        poses = [flat(p) for p in f["poses"]]
        table = sorted(((oks(flat(p), q, p["area"], s > 0), i, j) for i, (p, s) in enumerate(zip(real, state)) for j, q in enumerate(poses)), reverse=True)
        mine: dict[int, int] = {}
        for value, i, j in table:
            if value > 0.1 and i not in mine and j not in mine.values():
                mine[i] = j
        for i, (p, s) in enumerate(zip(real, state)):
            xy, seen = flat(p), s == 2
            total += int(seen.sum())
            if i not in mine:
                continue
            error = np.sqrt(((poses[mine[i]] - xy) ** 2).sum(1))[seen]
            torso = 0.5 * (np.linalg.norm(xy[5] - xy[11]) + np.linalg.norm(xy[6] - xy[12]))
            inside = xy[s > 0]
            hits_torso += int((error <= 0.2 * torso).sum())
            hits_box += int((error <= 0.2 * (inside.max(0) - inside.min(0)).max()).sum())
    return {"PCK torso": hits_torso / max(total, 1), "PCK box": hits_box / max(total, 1)}


def against_golden(found: list[dict], golden: list[dict]) -> dict[str, str]:
    """How many of another model's poses (score >= 0.5) appear at OKS >= 0.5. No outlines there: area is 0.53 of the joints' box."""
    rows, hit, total = {}, 0, 0
    for f, g in zip(found, golden):
        sure = [p for p in g["poses"] if p["score"] >= 0.5]
        here = 0
        for p in sure:
            xy = flat(p)
            area = 0.53 * float(np.prod(xy.max(0) - xy.min(0)))
            use = np.array([k["score"] >= 0.3 for k in p["keypoints"]])
            here += any(oks(xy, flat(q), area, use) >= 0.5 for q in f["poses"])
        hit, total = hit + here, total + len(sure)
        rows[g["image"]] = f"{here} of {len(sure)} (poses given: {len(f['poses'])})"
    rows["all"] = f"{hit} of {total}"
    return rows


def main() -> None:
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--model", default=str(HERE / "posenet_demo_mobilenet_v1_075_stride16.onnx"))
    a.add_argument("--onnxruntime", action="store_true")
    a.add_argument("--posenet", help="the engine's command")
    a.add_argument("--ideal", action="store_true", help="decode perfect heads")
    a.add_argument("--device", default="cpu")
    a.add_argument("--precision", default="fp32")
    a.add_argument("--size", default="513x513")
    a.add_argument("--max-poses", type=int, default=20)
    a.add_argument("--pictures", type=Path, default=Path("/tmp/posenet_demo_held_out"))
    a.add_argument("--count", type=int)
    a.add_argument("--photos", type=Path)
    a.add_argument("--golden", type=Path, help="folder of NAME.WxH.json")
    a.add_argument("--json", type=Path)
    args = a.parse_args()
    ways: dict[str, object] = {}
    width, height = map(int, args.size.split("x"))
    if args.onnxruntime:
        ways["onnxruntime fp32"] = lambda paths: by_onnxruntime(args.model, paths, width, height, args.max_poses)
    for device in args.device.split(",") if args.posenet else []:
        for precision in args.precision.split(","):
            command = [*shlex.split(args.posenet), "run", "--model", args.model, "--device", device, "--precision", precision, "--size", args.size,
                       "--max-poses", str(args.max_poses), "--quiet", "--json", "-"]
            ways[f"posenet {device} {precision}"] = lambda paths, command=command: by_command(command, paths)
    if args.ideal:
        ways["perfect heads"] = lambda paths: by_perfect_heads(truth)
    if not ways:
        a.error("nothing to run: give --onnxruntime or --posenet")
    figures: dict[str, dict] = {}
    if args.photos:
        golden = [json.loads(p.read_text()) for p in sorted(args.golden.glob(f"*.{args.size}.json"))]
        paths = [args.photos / g["image"] for g in golden]
    else:
        truth = held_out(args.pictures, args.count)
        paths = [args.pictures / t["image"] for t in truth]
        counted = sum(not p["ignore"] for t in truth for p in t["people"])
        print(f"{len(truth)} pictures, {sum(len(t['people']) for t in truth)} people, {counted} counted")
    for way, run in ways.items():
        try:
            found = run(paths)
        except subprocess.CalledProcessError as e:                                                     # its own line on stderr says why
            print(f"{way:24} exit {e.returncode}", flush=True)
            continue
        figures[way] = against_golden(found, golden) if args.photos else {**coco(truth, found), **pck(truth, found)}
        print(f"{way:24}", "  ".join(f"{k} {v if isinstance(v, str) else format(v, '.4f')}" for k, v in figures[way].items()), flush=True)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
