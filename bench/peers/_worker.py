"""What every rival's worker shares: the loop, the clock, the heads' names and layouts.

A worker file defines VARIANTS (what --list prints; see README.md) and a class with

    load(variant)                   static; imports the runtime, or raises Missing when it is not installed
    __init__(self, variant, case)   loads the model and compiles it, on a GPU while other rivals do
    choose(self)                    optional: what needs the machine to itself, since it times several ways to run the
                                    network and keeps the fastest; capturing graphs; called once
    version                         text
    settings                        text, optional: what was chosen
    nchw                            whether the network's input is NCHW
    infer(self, array)              NHWC float32 in, {head name: NHWC or NCHW} out
    call(self)                      one timed call on the input that the last infer left in place
    predict(self, array)            float32 in the network's own layout in, {head name: host array} out

For the frame measure `predict` is called between _frame's letterbox and decoder. A runtime that does more
of it on its device has, instead of `predict`,

    open_frames(self, frame, letterbox, decoder)   frame: one 8-bit picture; the batch repeats it
    frames(self)                                   one timed call: [poses of each picture]
    frame_heads(self)                              {head name: host array} of the last of these calls
    traffic                                        bytes up and down the bus of such a call

and ends with  main(VARIANTS, TheClass).  The protocol is described in README.md beside this file.
"""
import json
import os
import resource
import sys
import time

import numpy as np

import _frame

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


def one_by_one(heads):
    """{head: (n, h, w, c)} as a list of {head: (h, w, c)}."""
    return [{name: head[i] for name, head in heads.items()} for i in range(len(heads["heatmaps"]))]


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu_ms():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e3


class Frames:
    """The frame measure of one runtime: `call` is one timed call and gives poses in the frame's pixels."""

    def __init__(self, runtime, case):
        self.runtime = runtime
        frame = _frame.read_ppm(case["frame"])
        size = (case["width"], case["height"])
        normalize, logits = _frame.describe(case["model"])
        self.letterbox = _frame.Letterbox(frame.shape[:2], *size, normalize)
        self.decoder = _frame.Decoder(size, logits)
        self.frames = [frame.copy() for _ in range(case["batch"])]
        self.found = {}
        if hasattr(runtime, "open_frames"):
            runtime.open_frames(frame, self.letterbox, self.decoder)
            return
        planes = (3, size[1], size[0]) if runtime.nchw else (size[1], size[0], 3)
        self.input = np.zeros((case["batch"], *planes), np.float32)
        self.views = self.input.transpose(0, 2, 3, 1) if runtime.nchw else self.input

    def call(self):
        if hasattr(self.runtime, "open_frames"):
            return self._in_frame(self.runtime.frames())
        for frame, view in zip(self.frames, self.views):
            self.letterbox.apply(frame, view)
        self.found = to_nhwc(self.runtime.predict(self.input))
        return self._in_frame([self.decoder.several(h) for h in one_by_one(self.found)])

    def heads(self):
        """What the last call's poses were found in."""
        return self.found or to_nhwc(self.runtime.frame_heads())

    def traffic(self):
        """Bytes up and down of one call, where the worker counts them."""
        both = getattr(self.runtime, "traffic", None)
        return {"bytes_up": both[0], "bytes_down": both[1]} if both else {}

    def _in_frame(self, pictures):
        place = self.letterbox.to_source
        return [[(score, [(*place(x, y), s) for x, y, s in points]) for score, points in poses]
                for poses in pictures]


def write_heads(heads, folder):
    for name, head in to_nhwc(heads).items():
        head.tofile(os.path.join(folder, name + ".f32"))


class Loop:
    def __init__(self, make, variant):
        self.make, self.variant, self.runtime, self.case = make, variant, None, None
        self.frames = None
        self.idle_mib = peak_mib()

    def load(self, _command):
        start = time.perf_counter()
        self.make.load(self.variant)
        return {"load_ms": (time.perf_counter() - start) * 1e3}

    def open(self, command):
        if command.get("slots", 1) != 1:
            raise ValueError("this worker keeps one frame in flight")
        self.make.load(self.variant)
        start = time.perf_counter()
        self.case = command
        self.runtime = self.make(self.variant, command)
        return {"version": self.runtime.version, "open_ms": (time.perf_counter() - start) * 1e3}

    def choose(self, _command):
        start = time.perf_counter()
        if hasattr(self.runtime, "choose"):
            self.runtime.choose()
        if self.case.get("measure") == "frame":
            self.frames = Frames(self.runtime, self.case)
        return {"ms": (time.perf_counter() - start) * 1e3, "settings": getattr(self.runtime, "settings", "")}

    def infer(self, command):
        shape = (self.case["batch"], self.case["height"], self.case["width"], 3)
        array = np.fromfile(command["input"], np.float32).reshape(shape)
        start = time.perf_counter()
        heads = self.runtime.infer(array)
        took = (time.perf_counter() - start) * 1e3
        write_heads(heads, command["output"])
        return {"ms": took}

    def poses(self, command):
        if not self.frames:
            raise ValueError("poses are asked of a worker that measures the network only")
        start = time.perf_counter()
        pictures = self.frames.call()
        took = (time.perf_counter() - start) * 1e3
        write_heads(self.frames.heads(), command["output"])
        plain = [[{"score": float(score), "keypoints": [[float(v) for v in p] for p in points]}
                  for score, points in poses] for poses in pictures]
        return {"ms": took, "poses": plain}

    def time(self, command):
        call = self.frames.call if self.frames else self.runtime.call
        samples, before = [], cpu_ms()
        for _ in range(command["iterations"]):
            start = time.perf_counter()
            call()
            samples.append((time.perf_counter() - start) * 1e3)
        reply = {"ms": samples, "cpu_ms": (cpu_ms() - before) / len(samples)}
        return dict(reply, **self.frames.traffic()) if self.frames else reply

    def memory(self, _command):
        return {"peak_mib": peak_mib() - self.idle_mib}

    def answer(self, line):
        command = json.loads(line)
        if command["command"] in ("choose", "infer", "poses", "time") and self.runtime is None:
            return {"ok": False, "why": command["command"] + " before open"}
        verbs = {"load": self.load, "open": self.open, "choose": self.choose, "infer": self.infer,
                 "poses": self.poses, "time": self.time, "memory": self.memory}
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
