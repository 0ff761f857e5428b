"""posenet-bench finds what was planted: a slow rival, a wrong one, one that is absent, dead or mad; and the
rivals' shared letterbox and decoder find what this engine finds.

Exit 0: all checks hold; 77: no model or no numpy here, skipped; 1: a check failed.
"""
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("POSENET_BUILD", SOURCE / "build"))
BENCH = BUILD / "bench" / "posenet-bench"


def find_model():
    name = "posenet_mobilenet_v1_075_stride16.onnx"
    folders = [os.environ.get("POSENET_MODELS"), SOURCE.parent / "shared" / "models",
               SOURCE / "tools" / "demo"]
    for folder in filter(None, folders):
        found = sorted(pathlib.Path(folder).glob(name)) or \
            sorted(pathlib.Path(folder).glob("posenet*.onnx"))
        if found:
            return found[0]
    return None


def sample_frame(folder):
    """A rendered picture with people as 1280x720 PPM, or None without Pillow."""
    try:
        from PIL import Image
    except ImportError:
        return None
    path = folder / "frame.ppm"
    picture = Image.open(SOURCE / "tools" / "demo" / "samples" / "three_on_grass.jpg").convert("RGB")
    picture.crop((0, 60, 640, 420)).resize((1280, 720)).save(path)
    return path


def installed(*names):
    return all(importlib.util.find_spec(name) for name in names)


def bench(*args):
    env = dict(os.environ, POSENET_BENCH=str(BENCH))
    return subprocess.run([BENCH, *map(str, args)], env=env, text=True, capture_output=True,
                          timeout=600, check=False)


def check_planted(model, folder):
    out = folder / "raw.json"
    done = bench("--model", model, "--size", "129x129", "--device", "cpu", "--threads", 1, "--rounds", 6,
                 "--iterations", 6, "--peers", SOURCE / "tests" / "bench_peers", "--timeout", 10,
                 "--python", sys.executable, "--json", out)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, "the run failed"
    rows = {r["name"]: r for r in json.loads(out.read_text())["runtimes"]}
    assert rows["posenet-cpu"]["state"] == "timed"
    assert rows["planted-same"]["state"] == "timed"
    assert max(rows["planted-same"]["error"]) == 0, "the same engine gave other heads"
    assert rows["planted-slow"]["state"] == "timed"
    # A sleep is never shorter than asked for, so this holds however busy the machine is.
    assert min(rows["planted-slow"]["samples_ms"]) > 50, "50 ms of sleep a call do not show"
    assert rows["planted-wrong"]["state"] == "wrong result"
    assert "offsets" in rows["planted-wrong"]["why"]
    assert "samples_ms" not in rows["planted-wrong"], "a wrong rival was timed"
    assert rows["planted-absent"]["state"] == "not installed"
    for name, why in (("dead", "ended without a reply: exit status 3"), ("babble", "no JSON: hello"), ("odd", "times"),
                      ("mute", "no reply in 10 s"), ("stuck", "no reply in 10 s")):
        assert rows["planted-" + name]["state"] == "failed", name
        assert why in rows["planted-" + name]["why"], (name, rows["planted-" + name]["why"])
    for name in rows:
        assert name in done.stdout, f"{name} was dropped from the table"
    assert len(rows["posenet-cpu"]["samples_ms"]) == 6 * rows["posenet-cpu"]["iterations"] >= 30


def planted(*args):
    return bench(*args, "--device", "cpu", "--peers", SOURCE / "tests" / "bench_peers", "--python",
                 sys.executable, "--pause", 0)


def check_slow_rival(model, folder):
    """One that is many times slower gets fewer calls in every round, and says so; time that is over ends the rounds."""
    out = folder / "slow.json"
    done = planted("--model", model, "--size", "65x65", "--threads", 1, "--rounds", 3, "--iterations", 60,
                   "--only", "posenet-cpu,planted-same,planted-slow", "--json", out)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    rows = {r["name"]: r for r in json.loads(out.read_text())["runtimes"]}
    slow, same = rows["planted-slow"], rows["planted-same"]
    assert slow["iterations"] < same["iterations"] <= 60 and len(same["samples_ms"]) == 3 * same["iterations"]
    assert slow["iterations"] >= 5 and len(slow["samples_ms"]) == 3 * slow["iterations"], slow["iterations"]
    assert len(slow["medians_ms"]) == 3 and len(slow["ours_over_it"]) == 3
    assert f"planted-slow: 3 rounds of {slow['iterations']} only" in done.stdout
    done = planted("--model", model, "--size", "65x65", "--threads", 1, "--rounds", 1000, "--iterations", 20, "--seconds", 3, "--only",
                   "posenet-cpu,planted-slow", "--json", out)
    assert done.returncode == 0, done.stderr
    rounds = [r["rounds"] for r in json.loads(out.read_text())["runtimes"]]
    assert 3 <= rounds[0] == rounds[1] < 1000, rounds


def check_turns(model, folder):
    """Rivals on a GPU open at once, and choose one after the other; what they choose counts as opening."""
    out = folder / "turns.json"
    os.environ["PLANTED_LOG"] = str(folder / "turns")
    done = bench("--model", model, "--size", "65x65", "--device", "cuda", "--threads", 1, "--rounds", 1, "--iterations", 1,
                 "--only", "planted-gpu-a,planted-gpu-b", "--peers", SOURCE / "tests" / "bench_peers", "--python",
                 sys.executable, "--json", out)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())["runtimes"]
    assert [r["state"] for r in rows] == ["timed", "timed"], rows
    assert all(r["first_ms"] > r["open_ms"] > 500 for r in rows)
    said = [line.split() for line in (folder / "turns").read_text().splitlines()]
    turns = {what: sorted((float(a), float(b)) for name, a, b in said if name == what) for what in ("open", "choose")}
    (_, end), (start, _) = turns["open"]
    assert start < end, "one opened after the other"
    (_, end), (start, _) = turns["choose"]
    assert max(b for _, b in turns["open"]) <= turns["choose"][0][0] and end <= start, "they chose at once"


def check_interval(rows):
    low, middle, high = rows["planted-same"]["ours_over_it"]
    assert 0 < low <= middle <= high
    for name, row in rows.items():
        if "samples_ms" in row:
            assert row["first_ms"] > row["open_ms"] > 0, f"{name}: no first call"
            assert row["cpu_ms"] > 0 and row["others_cpu"] > -0.5, name


def check_frame(model, folder):
    """The same people everywhere, and a rival that moves them is not timed."""
    out, frame = folder / "frame.json", sample_frame(folder)
    picture = ["--frame", frame] if frame else []
    done = planted("--model", model, "--size", "257x257", "--measure", "frame", "--batch", 2, "--rounds", 2,
                   "--iterations", 2, "--only", "posenet-cpu,planted-same,planted-moved", "--json", out, *picture)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    raw = json.loads(out.read_text())
    rows = {r["name"]: r for r in raw["runtimes"]}
    assert raw["measure"] == "frame"
    assert rows["planted-same"]["pose_error"] < 1e-3, "only the letterbox is undone twice"
    assert rows["posenet-cpu"]["bytes_up"] == rows["posenet-cpu"]["bytes_down"] == 0, "no bus on the CPU"
    check_interval(rows)
    if not frame:
        print("no Pillow: no people in the frame, so moved poses are not checked")
        return
    assert rows["posenet-cpu"]["poses"] > 0, "nobody found in a picture of three people"
    assert rows["planted-moved"]["state"] == "wrong result", "moved poses were not noticed"
    assert "samples_ms" not in rows["planted-moved"]


def check_rivals_frame(model, folder):
    """Letterbox and decoder of bench/peers/_frame.py against ours, through real runtimes."""
    names = ["onnxruntime-cpu"] * installed("onnxruntime", "onnx") + ["openvino-cpu"] * installed("openvino", "onnx")
    if not names:
        print("no onnxruntime or openvino with onnx: rivals' frames are not checked")
        return
    out, frame = folder / "rivals.json", sample_frame(folder)
    picture = ["--frame", frame] if frame else []
    done = bench("--model", model, "--size", "257x193", "--measure", "frame", "--rounds", 1, "--iterations", 1,
                 "--only", ",".join(["posenet-cpu", *names]), "--python", sys.executable, "--json", out,
                 "--pause", 0, *picture)
    print(done.stdout, done.stderr)
    rows = {r["name"]: r for r in json.loads(out.read_text())["runtimes"]}
    for name in names:
        assert rows[name]["state"] == "timed", (name, rows[name].get("why"))
        assert rows[name]["poses"] == rows["posenet-cpu"]["poses"], "another number of people"
        assert rows[name]["pose_error"] < 0.01, (name, rows[name]["pose_error"])
        assert max(rows[name]["error"]) < 1e-4


def check_roofline(model, folder):
    out = folder / "roofline.json"
    done = bench("--roofline", "--device", "cpu", "--only", "posenet-cpu", "--model", model, "--size", "65x65",
                 "--iterations", 3, "--peers", SOURCE / "tests" / "bench_peers", "--json", out)
    assert done.returncode == 0, done.stderr
    raw = json.loads(out.read_text())
    assert raw["kind"] == "roofline" and raw["copy_gbs"] > 0 and raw["matrix_gflops"] > 0
    ops = [s["op"] for s in raw["steps"]]
    assert ops[0] == "preprocess" and ops[-1] == "decode" and "conv" in ops
    assert sum(s["steps"] for s in raw["steps"]) > 20, "steps are missing"
    for s in raw["steps"]:
        assert s["us"] > 0 and s["bytes"] > 0, s
        least = max(s["flops"] / raw["matrix_gflops"], s["bytes"] / raw["copy_gbs"]) * 1e-3
        assert abs(s["floor_us"] - least) <= 1e-6 * least, s
        assert s["row"] in done.stdout
    assert all(s["flops"] > 0 for s in raw["steps"] if s["op"] == "conv")


def check_sweep(model, folder):
    out = folder / "sweep.json"
    common = ["--model", model, "--size", "65x65", "--rounds", 1, "--iterations", 2, "--json", out]
    done = planted("--sweep", "sizes:33,65x49", "--only", "posenet-cpu,planted-same,planted-wrong", *common)
    assert done.returncode == 0, done.stderr
    points = json.loads(out.read_text())["points"]
    assert [(p["width"], p["height"]) for p in points] == [(33, 33), (65, 49)]
    for p in points:
        assert [r["state"] for r in p["runtimes"]] == ["timed", "timed", "wrong result"], p
        assert len(p["runtimes"][0]["samples_ms"]) == 2
    done = planted("--sweep", "slots:1,3", "--only", "posenet-cpu,planted-same", *common)
    assert done.returncode == 0, done.stderr
    points = json.loads(out.read_text())["points"]
    assert [(p["slots"], [r["name"] for r in p["runtimes"]]) for p in points] == \
        [(1, ["posenet-cpu"]), (3, ["posenet-cpu"])], "slots are ours only"
    assert all(len(p["runtimes"][0]["samples_ms"]) == 2 for p in points)


def check_report(folder):
    """Tables come from the raw results, and --check notices a table that does not."""
    readme = folder / "README.md"
    readme.write_text("<!-- bench: cpu -->\nold\n<!-- /bench -->\n<!-- bench: cuda-frame -->\n<!-- /bench -->\n")
    results = folder / "results"
    results.mkdir()
    (results / "one.json").write_text((folder / "raw.json").read_text())

    def report(*args):
        return subprocess.run([sys.executable, SOURCE / "bench" / "report.py", "--readme", readme, "--results",
                               results, *args], text=True, capture_output=True, check=False).returncode
    assert report("--check") == 1
    assert report() == 0
    text = readme.read_text()
    assert "planted-slow" in text and "129x129" in text and "wrong result" in text and "old" not in text
    assert text.count("No run yet") == 1
    assert report("--check") == 0


def check_targets(folder):
    """What was promised is held against the newest record, and the same case twice is told."""
    def record(ours, measure, when):
        def row(name, ms):
            return {"name": name, "device": "cuda", "state": "timed", "version": name, "ours": name == "posenet-cuda",
                    "single": False, "error": [0.01] * 4, "open_ms": 1, "first_ms": 2, "cpu_ms": 0.1, "peak_mib": 3,
                    "device_peak_mib": 4, "others_cpu": 0, "medians_ms": [ms] * 3, "samples_ms": [ms] * 3,
                    **({} if name == "posenet-cuda" else {"ours_over_it": [ours / ms] * 3})}
        return {"kind": "case", "model": "mobilenet_v1_0.75_s16.onnx", "width": 257, "height": 257, "batch": 1, "threads": 2,
                "slots": 1, "precision": "fp16", "measure": measure, "when": when, "commit": "abc", "processor": "p",
                "cores": 1, "gpu": "GPU X", "driver": "", "runtimes": [row("posenet-cuda", ours), row("slow", 1.5), row("best", 1)]}
    results = folder / "targets"
    results.mkdir()
    for i, of in enumerate([(0.4, "network", "2026-01-01"), (0.3, "network", "2026-01-02"), (0.39, "frame", "2026-01-03")]):
        (results / f"{i}.json").write_text(json.dumps(record(*of)))
    readme = folder / "TARGETS.md"
    readme.write_text("".join(f"<!-- bench: {name} -->\n<!-- /bench -->\n"
                              for name in ("cuda-targets", "cuda-network", "cuda-frame-details")))
    done = subprocess.run([sys.executable, SOURCE / "bench" / "report.py", "--readme", readme, "--results", results],
                          text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    text = readme.read_text()
    assert "| 0.300 | 1.000 (best) | **0.300** | 0.38 | 0.20 | reached |" in text, text
    assert "| 0.300 | 0.390 | **0.090** | 0.12 | 0.08 | reached |" in text, text
    assert "ratios at most 33.3 % apart. mobilenet_v1_0.75_s16 257x257, fp16: 0.400, 0.300 (33.3 %)." in text, text
    assert "GPU X" in text, text
    assert "| best | 1.000 | 1.000 | 1.000 | 1000 |" in text, text


def check_bad_usage(model):
    full = ["--json", "/dev/full", "--size", "65x65", "--rounds", 1, "--iterations", 1, "--only", "posenet-cpu"]
    for args in (["--size", "257"], ["--model", model, *full], ["--model", model, "--json", "/nowhere/a.json"],
                 ["--model", model, "--precision", "fp17"], ["--model", model, "--size", "256x256", "--only", "posenet-cpu"], ["--model"], ["--model", "/nowhere.onnx"], ["--rounds", "0"],
                 ["--model", model, "--only", "nobody"], ["--nonsense"],
                 ["--model", model, "--sweep", "colours"], ["--model", model, "--sweep", "sizes:0"],
                 ["--model", model, "--measure", "frame", "--frame", model], ["--measure", "dream"], []):
        done = bench(*args, "--peers", SOURCE / "tests" / "bench_peers", "--python", sys.executable)
        assert done.returncode == 2, f"{args}: exit {done.returncode}"
        assert done.stderr.strip(), f"{args}: no sentence"


def main():
    try:
        import numpy  # noqa: F401  the planted rivals need it
    except ImportError as e:
        print("skipped:", e)
        return 77
    model = find_model()
    if not model:
        print("skipped: no model in $POSENET_MODELS")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for check in (check_planted, check_slow_rival, check_turns, check_frame, check_rivals_frame, check_roofline, check_sweep):
            check(model, folder)
        check_report(folder)
        check_targets(folder)
    check_bad_usage(model)
    return 0


sys.exit(main())
