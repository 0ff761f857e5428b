"""posenet-bench finds what was planted: a slow rival, a wrong one, one that is absent, dead or mad.

Exit 0: all checks hold; 77: no model or no numpy here, skipped; 1: a check failed.
"""
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


def bench(*args):
    env = dict(os.environ, POSENET_BENCH=str(BENCH))
    return subprocess.run([BENCH, *map(str, args)], env=env, text=True, capture_output=True,
                          timeout=600, check=False)


def check_planted(model, folder):
    out = folder / "raw.json"
    done = bench("--model", model, "--size", "129x129", "--device", "cpu", "--rounds", 6,
                 "--iterations", 6, "--peers", SOURCE / "tests" / "bench_peers",
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
    assert rows["planted-dead"]["state"] == "failed"
    assert rows["planted-babble"]["state"] == "failed"
    for name in rows:
        assert name in done.stdout, f"{name} was dropped from the table"
    assert len(rows["posenet-cpu"]["samples_ms"]) == 36


def check_bad_usage(model):
    for args in (["--size", "257"], ["--model"], ["--model", "/nowhere.onnx"], ["--rounds", "0"],
                 ["--model", model, "--only", "nobody"], ["--nonsense"], []):
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
        check_planted(model, pathlib.Path(folder))
    check_bad_usage(model)
    return 0


sys.exit(main())
