"""What a careful user of PyTorch does with a frame on the GPU: pinned memory -> upload -> letterbox -> the
network's input; for one person also the decoder, for several the search for candidates. For every rival whose
tensors PyTorch can hold.
"""
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from _frame import PARTS

CANDIDATES = 100  # the best local maxima that are downloaded; five people need few of them
CHOICES, MORE_S = 4, 3.0  # what cuDNN's benchmark chooses, so often; none begins so long after the first
REPLAYS = 40


class Upload:
    """`run` brings the frame up and writes `out` (n, height, width, 3; any strides; on the device). Must outlive a graph
    of it: the graph knows addresses only, and memory that is given back belongs to the next tensor."""

    def __init__(self, torch, frame, letterbox, out):
        self.pixels = torch.from_numpy(frame.reshape(1, -1, 3)).repeat(len(out), 1, 1).pin_memory()
        self.uploaded = torch.empty(self.pixels.shape, dtype=torch.uint8, device=out.device)
        self.index = [torch.from_numpy(i).to(out.device) for i in letterbox.index]
        self.inside = [torch.from_numpy(~o[..., None]).to(out.device) for o in letterbox.outside]
        self.fx, self.fy = (torch.from_numpy(f).to(out.device) for f in (letterbox.fx, letterbox.fy))
        self.shift, self.scale = torch.from_numpy(letterbox.shift).to(out.device), float(letterbox.scale)
        self.letterbox, self.out, self.bytes = letterbox, out, self.pixels.numel()
        out.copy_(self.shift.expand_as(out))  # the padding's colour

    def run(self):
        self.uploaded.copy_(self.pixels, non_blocking=True)
        corners = [self.uploaded[:, i].float() * m for i, m in zip(self.index, self.inside)]
        picture = self.letterbox.blend(corners, self.fx, self.fy) * self.scale + self.shift
        self.out[:, self.letterbox.rows, self.letterbox.columns] = picture.to(self.out.dtype)


class Download:
    """`run` brings tensors into pinned memory, where they are `hosts`."""

    def __init__(self, torch, tensors):
        self.hosts = [torch.empty(t.shape, dtype=t.dtype).pin_memory() for t in tensors]
        self.bytes = sum(t.numel() * t.element_size() for t in self.hosts)

    def run(self, tensors):
        for host, tensor in zip(self.hosts, tensors):
            host.copy_(tensor, non_blocking=True)


def captured(torch, run, warm_up=5):
    """(a CUDA graph of `run`, what the run in it gave)."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.inference_mode():
        with torch.cuda.stream(stream):
            for _ in range(warm_up):
                run()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            results = run()
    torch.cuda.synchronize()
    return graph, results


class Chosen:
    """The fastest of several graphs of `run` (`graph`, `results`; `settings` says of which). cuDNN's benchmark believes one
    timing of each algorithm, so it chooses otherwise each time; PyTorch keeps what it chose by thread."""

    def __init__(self, torch, run):
        def one(number):
            thread = ThreadPoolExecutor(1)
            graph, results = thread.submit(captured, torch, run).result()
            return replay_ms(torch, graph), number, graph, results, thread

        tried = [one(0)]
        began = time.perf_counter()
        while len(tried) < CHOICES and time.perf_counter() - began < MORE_S:
            tried.append(one(len(tried)))
        self.settings = "cuDNN's benchmark, the fastest of " + ", ".join(f"{ms:.3f}" for ms, *_ in tried) + " ms"
        # The thread lives as long as its graph, which calls kernels of the plans in it.
        _, _, self.graph, self.results, self._thread = min(tried)
        tried.clear()
        torch.cuda.empty_cache()


def replay_ms(torch, graph):
    times = []
    for _ in range(REPLAYS):
        start = time.perf_counter()
        graph.replay()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def single(torch, heat, offset, size, logits):
    """(n, 17, 3): x, y, score of the best cell of each part. Both heads NCHW."""
    n, _, h, w = heat.shape
    stride = (size[0] - 1) // (w - 1)
    best, cell = heat.reshape(n, PARTS, h * w).float().max(2)
    offset = offset.reshape(n, 2 * PARTS, h * w).float()
    y = cell.div(w, rounding_mode="floor") * stride + offset[:, :PARTS].gather(2, cell[..., None])[..., 0]
    x = cell % w * stride + offset[:, PARTS:].gather(2, cell[..., None])[..., 0]
    return torch.stack([x, y, torch.sigmoid(best) if logits else best], 2)


def best_cells(torch, heat, least):
    """((n, k) values, (n, k) indices in part, row, column order) of the best local maxima; where there are fewer,
    the rest has values below `least`. Heatmap NCHW."""
    heat = heat.float()
    peaks = torch.nn.functional.max_pool2d(heat, 3, 1, 1)
    values = torch.where((heat >= peaks) & (heat >= least), heat, -torch.inf).flatten(1)
    return values.topk(min(CANDIDATES, values.shape[1]))


def listed(values, indices, shape, least):
    """best_cells of one picture as _frame.Decoder wants them; shape: (height, width)."""
    h, w = shape
    return [(v, i // w % h, i % w, i // (h * w)) for v, i in zip(values.tolist(), indices.tolist()) if v >= least]
