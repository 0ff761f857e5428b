"""What every rival's worker shares: the loop, the clock, the heads' names and layouts.

A worker file defines VARIANTS (a list of {"name", "device"}) and a class with

    __init__(self, variant, case)   loads the model; raises Missing when its runtime is not installed
    version                         text
    infer(self, array)              NHWC float32 in, {head name: NHWC float32} out
    call(self)                      one timed call on the input that the last infer left in place

and ends with  main(VARIANTS, TheClass).  The protocol is described in README.md beside this file.
"""
import json
import os
import resource
import sys
import time

import numpy as np

HEADS = {"heatmaps": 17, "offsets": 34, "displacement_fwd": 32, "displacement_bwd": 32}
PATTERNS = {"heatmaps": "heatmap", "offsets": "offset", "displacement_fwd": "displacement_fwd",
            "displacement_bwd": "displacement_bwd"}


class Missing(Exception):
    """The runtime is not installed, or not for this device."""


def head_outputs(names):
    """Which output is which head: {head: index in names}, by DESIGN's naming rule."""
    found = {}
    for head, pattern in PATTERNS.items():
        for i, name in enumerate(names):
            base = name.lower()
            if pattern in base and "long_offset" not in base and "part_" not in base:
                found.setdefault(head, i)
    if len(found) != len(HEADS):
        raise ValueError("the four heads are not among the outputs: " + ", ".join(names))
    return found


def to_nhwc(heads):
    """All heads as NHWC float32. The layout is judged by all four at once: alone, a heatmap of 17 x 17
    cells looks the same either way."""
    heads = {name: np.asarray(head, np.float32) for name, head in heads.items()}
    if all(head.shape[1] == HEADS[name] for name, head in heads.items()):
        return {name: head.transpose(0, 2, 3, 1) for name, head in heads.items()}
    return heads


def wants_nchw(shape):
    """Whether an input of this shape (numbers or names) is NCHW."""
    return shape[1] == 3 and shape[3] != 3


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Loop:
    def __init__(self, make, variant):
        self.make, self.variant, self.runtime, self.case = make, variant, None, None
        self.idle_mib = 0.0

    def open(self, command):
        self.idle_mib = peak_mib()
        start = time.perf_counter()
        self.case = command
        self.runtime = self.make(self.variant, command)
        return {"version": self.runtime.version, "open_ms": (time.perf_counter() - start) * 1e3}

    def infer(self, command):
        shape = (self.case["batch"], self.case["height"], self.case["width"], 3)
        array = np.fromfile(command["input"], np.float32).reshape(shape)
        for name, head in to_nhwc(self.runtime.infer(array)).items():
            head.tofile(os.path.join(command["output"], name + ".f32"))
        return {}

    def time(self, command):
        if self.case.get("measure") == "frame":
            raise ValueError("this worker measures the network only")
        samples = []
        for _ in range(command["iterations"]):
            start = time.perf_counter()
            self.runtime.call()
            samples.append((time.perf_counter() - start) * 1e3)
        return {"ms": samples}

    def memory(self, _command):
        return {"peak_mib": peak_mib() - self.idle_mib}

    def answer(self, line):
        command = json.loads(line)
        if command["command"] in ("infer", "time") and self.runtime is None:
            return {"ok": False, "why": command["command"] + " before open"}
        verbs = {"open": self.open, "infer": self.infer, "time": self.time, "memory": self.memory}
        try:
            return dict(ok=True, **verbs[command["command"]](command))
        except Missing as e:
            return {"ok": False, "missing": True, "why": str(e)}
        except Exception as e:  # whatever a runtime raises becomes this row's sentence
            return {"ok": False, "why": f"{type(e).__name__}: {e}".replace("\n", " ")[:400]}


def main(variants, make):
    if sys.argv[1:] == ["--list"]:
        print(json.dumps({"variants": variants}))
        return
    # Runtimes print to standard output as they like: replies go to a copy of it, the rest to stderr.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    loop = Loop(make, sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(loop.answer(line)), file=replies, flush=True)
