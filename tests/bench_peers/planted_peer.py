"""Rivals with a known fault, for tests/bench_test.py: the engine's own worker behind a thin wrapper.

planted-same   passes everything on         planted-slow     sleeps 50 ms a call
planted-wrong  adds 1 % to one head         planted-absent   says that it is not installed
planted-moved  puts every pose 40 pixels to the right, when poses are asked for
planted-dead   ends in the middle of open   planted-babble   answers with something that is no JSON
planted-mute   never answers to open; planted-stuck never answers once it has been timed three times
planted-odd    tells times that are no numbers
planted-gpu-a, planted-gpu-b  say that they are of a GPU; they take 0.5 s more to open and to choose, and write when they
               did into $PLANTED_LOG
"""
import json
import os
import subprocess
import sys
import time

import numpy as np

KINDS = ["same", "slow", "wrong", "moved", "absent", "dead", "babble", "mute", "stuck", "odd", "gpu-a", "gpu-b"]

if sys.argv[1:] == ["--list"]:
    print(json.dumps({"variants": [{"name": "planted-" + k, "device": "cuda" if "gpu" in k else "cpu"} for k in KINDS]}))
    sys.exit(0)

kind = sys.argv[1].removeprefix("planted-")
if kind == "absent":
    sys.stdin.readline()
    print(json.dumps({"ok": False, "missing": True, "why": "planted: not installed"}), flush=True)
    sys.exit(0)
if kind == "dead":
    sys.stdin.readline()
    sys.exit(3)
if kind == "babble":
    sys.stdin.readline()
    print("hello", flush=True)
    sys.exit(0)

timed = 0
engine = subprocess.Popen([os.environ["POSENET_BENCH"], "--worker", "cpu"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for line in sys.stdin:
    began = time.monotonic()
    engine.stdin.write(line)
    engine.stdin.flush()
    reply = json.loads(engine.stdout.readline())
    command = json.loads(line)
    if "gpu" in kind and command["command"] in ("open", "choose"):
        time.sleep(0.5)
        with open(os.environ["PLANTED_LOG"], "a", encoding="utf-8") as log:
            log.write(f"{command['command']} {began} {time.monotonic()}\n")
        reply["ms"] = (time.monotonic() - began) * 1e3
    timed += command["command"] == "time"
    if (kind == "mute" and command["command"] == "open") or (kind == "stuck" and timed > 3):
        time.sleep(3600)
    if kind == "odd" and "ms" in reply and command["command"] == "time":
        reply["ms"] = ["soon"] * len(reply["ms"])
    if kind == "slow" and command["command"] == "time" and "ms" in reply:
        for i, ms in enumerate(reply["ms"]):
            start = time.perf_counter()
            time.sleep(0.05)
            reply["ms"][i] = ms + (time.perf_counter() - start) * 1e3
    if kind == "wrong" and command["command"] == "infer":
        path = os.path.join(command["output"], "offsets.f32")
        (np.fromfile(path, np.float32) * np.float32(1.01)).tofile(path)
    if kind == "moved":
        for picture in reply.get("poses", []):
            for pose in picture:
                pose["keypoints"] = [[x + 40, y, score] for x, y, score in pose["keypoints"]]
    print(json.dumps(reply), flush=True)
engine.stdin.close()
engine.wait()
