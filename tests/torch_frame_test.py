"""What rivals share that run in PyTorch (bench/peers/_torch_frame.py), as far as no GPU is needed.

Exit 0: all checks hold; 77: no numpy here, skipped; 1: a check failed.
"""
import pathlib
import sys
import threading
import time
import types

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SOURCE / "bench" / "peers"))
try:
    import numpy as np
except ImportError as reason:
    print("skipped:", reason)
    sys.exit(77)
import _frame  # noqa: E402
import _torch_frame  # noqa: E402

NO_GPU = types.SimpleNamespace(cuda=types.SimpleNamespace(synchronize=lambda: None, empty_cache=lambda: None))


class Graph:
    """Takes as long as the next of `pauses`; made where its network ran."""

    def __init__(self, pauses):
        self.pause, self.thread = pauses.pop(0), threading.current_thread()

    def replay(self):
        time.sleep(self.pause)


def choose(pauses, more_s):
    """(Chosen of graphs with these pauses, the graphs that were tried), within more_s."""
    made = []

    def captured(_torch, run):
        made.append(Graph(pauses))
        return made[-1], run()

    real = _torch_frame.captured, _torch_frame.MORE_S
    _torch_frame.captured, _torch_frame.MORE_S = captured, more_s
    try:
        return _torch_frame.Chosen(NO_GPU, lambda: len(made)), made
    finally:
        _torch_frame.captured, _torch_frame.MORE_S = real


def check_choices():
    """Each choice in a thread of its own, since PyTorch keeps cuDNN's by thread; the fastest stays, and so does its thread."""
    chosen, made = choose([0.012, 0.002, 0.008, 0.006], 60)
    assert len(made) == _torch_frame.CHOICES == len({g.thread for g in made})
    assert chosen.graph is made[1] and chosen.results == 2
    assert chosen.settings.count(",") == 4, chosen.settings
    deadline = time.monotonic() + 20
    while any(g.thread.is_alive() for g in made if g is not chosen.graph):
        assert time.monotonic() < deadline, "a thread that nobody needs stays"
        time.sleep(0.01)
    assert chosen.graph.thread.is_alive(), "cuDNN's plans end with their thread"
    chosen, made = choose([0.002], 0)
    assert len(made) == 1 and chosen.graph is made[0], "no time for a second choice"


def check_device_decoders():
    """What rivals decode on their device, on heads whose answer is known; PyTorch's CPU tensors will do."""
    try:
        import torch
    except ImportError as e:
        print("decoders of its tensors are not checked:", e)
        return
    heat, offset = np.full((9, 13, 17), -5, np.float32), np.zeros((9, 13, 34), np.float32)
    for k in range(17):
        heat[k % 9, k % 13, k] = offset[k % 9, k % 13, k + 17] = 1 + k / 4
    nchw = [torch.from_numpy(t.transpose(2, 0, 1)[None].copy()) for t in (heat, offset)]
    (points,) = _torch_frame.single(torch, *nchw, (193, 129), True).tolist()
    for k, (x, y, s) in enumerate(points):
        assert (x, y) == (k % 13 * 16 + 1 + k / 4, k % 9 * 16), k
        assert abs(s - 1 / (1 + np.exp(-1 - k / 4))) < 1e-6
    noise = np.random.default_rng(1).normal(-1, 2, heat.shape).astype(np.float32)
    decoder = _frame.Decoder((193, 129), True)
    values, cells = _torch_frame.best_cells(torch, torch.from_numpy(noise.transpose(2, 0, 1)[None].copy()), decoder.least)
    assert _torch_frame.listed(values[0], cells[0], (9, 13), decoder.least) == list(decoder.candidates(noise))[:100]
    few = _torch_frame.best_cells(torch, nchw[0], decoder.least)
    assert len(_torch_frame.listed(few[0][0], few[1][0], (9, 13), decoder.least)) == 17


check_choices()
check_device_decoders()
