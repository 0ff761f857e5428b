"""The frame measure, the same for every rival: 8-bit picture -> letterbox, bilinear, normalised -> network ->
heads on the host -> people. DESIGN's section 6 says what each part must compute; this is how a careful user
writes it today, with numpy on the host. What takes an array module's tensors (`blend`) works on PyTorch's, too.
"""
import math

import numpy as np

PARTS = 17
# Parent and child of edges 0..15.
EDGES = [(0, 1), (1, 3), (0, 2), (2, 4), (0, 5), (5, 7), (7, 9), (5, 11), (11, 13), (13, 15), (0, 6), (6, 8),
         (8, 10), (6, 12), (12, 14), (14, 16)]
MAX_POSES, THRESHOLD, RADIUS = 5, 0.5, 20.0
# value * scale + shift, per channel
NORMALIZE = {"mobilenet": (1 / 127.5, (-1, -1, -1)), "resnet": (1, (-123.15, -115.90, -103.06)),
             "none": (1, (0, 0, 0))}


def read_ppm(path):
    """A binary PPM of 8 bits without comments, as posenet-bench writes it: (height, width, 3) uint8."""
    with open(path, "rb") as f:
        words = (f.readline() + f.readline() + f.readline()).split()
        if words[0] != b"P6" or words[3] != b"255":
            raise ValueError(path + " is no binary PPM of 8 bits")
        width, height = int(words[1]), int(words[2])
        return np.frombuffer(f.read(width * height * 3), np.uint8).reshape(height, width, 3).copy()


def describe(model):
    """(a name in NORMALIZE, whether the heatmap is logits), judged by the ONNX file's nodes."""
    import onnx
    graph = onnx.load(model).graph
    made_by = {o: n for n in graph.node for o in n.output}
    convolutions = [n for n in graph.node if n.op_type == "Conv"]
    before, scaled = made_by.get(convolutions[0].input[0]), False
    while before is not None:
        scaled |= before.op_type in ("Add", "Sub", "Mul", "Div", "BatchNormalization")
        before = made_by.get(before.input[0])
    attributes = [{a.name: onnx.helper.get_attribute_value(a) for a in n.attribute} for n in convolutions]
    sizes = {i.name: list(i.dims)[2:] for i in graph.initializer}
    if scaled:
        name = "none"
    elif any(a.get("group", 1) > 1 for a in attributes):
        name = "mobilenet"
    elif attributes[0].get("kernel_shape", sizes.get(convolutions[0].input[1])) == [7, 7]:
        name = "resnet"
    else:
        raise ValueError("what the network's input is normalised to cannot be told from the file")
    heatmap = next(o.name for o in graph.output if "heatmap" in o.name.lower())
    while made_by[heatmap].op_type in ("Identity", "Transpose"):
        heatmap = made_by[heatmap].input[0]
    return name, made_by[heatmap].op_type != "Sigmoid"


class Letterbox:
    """Pads, resizes and normalises frames of one size; everything that depends on the size alone is made once.

    `rows` and `columns` are the part of the network's input that the picture reaches; `index` are the four
    neighbours' pixels there, `outside` which of them are padding, `fx` and `fy` the fractions.
    """

    def __init__(self, frame, width, height, normalize):
        h, w = frame
        aspect = width / height
        half = 0.5 * (aspect * h - w) if w / h < aspect else 0.5 * (w / aspect - h)
        pad = math.floor(half + 0.5)
        self.pad_x, self.pad_y = (pad, 0) if w / h < aspect else (0, pad)
        self.width, self.height = width, height
        self.scale_x, self.scale_y = (w + 2 * self.pad_x) / width, (h + 2 * self.pad_y) / height
        self.columns, x0, x1, self.fx = self._axis(width, w, self.pad_x)
        self.rows, y0, y1, self.fy = self._axis(height, h, self.pad_y)
        self.fx, self.fy = self.fx[None, :, None], self.fy[:, None, None]
        self.index, self.outside = [], []
        for y in (y0, y1):
            for x in (x0, x1):
                outside = ((y < 0) | (y >= h))[:, None] | ((x < 0) | (x >= w))[None, :]
                self.index.append(np.where(outside, 0, y[:, None] * w + x[None, :]))
                self.outside.append(outside)
        scale, shift = NORMALIZE[normalize]
        self.scale, self.shift = np.float32(scale), np.asarray(shift, np.float32)

    @staticmethod
    def _axis(out, size, pad):
        """(slice that the picture reaches, lower neighbour, upper neighbour, fraction)."""
        total = size + 2 * pad
        at = np.arange(out, dtype=np.float32) * np.float32(total / out)
        low = np.floor(at).astype(np.int64)
        high = np.minimum(np.ceil(at).astype(np.int64), total - 1)
        reached = np.nonzero((high >= pad) & (low < pad + size))[0]
        part = slice(reached[0], reached[-1] + 1)
        return part, low[part] - pad, high[part] - pad, (at - low).astype(np.float32)[part]

    def blend(self, corners, fx, fy):
        """Of the four neighbours' values, for any library's arrays: rows x columns x 3, normalised."""
        top = corners[0] + (corners[1] - corners[0]) * fx
        bottom = corners[2] + (corners[3] - corners[2]) * fx
        return top + (bottom - top) * fy

    def apply(self, frame, out):
        """Fills `out` (height, width, 3, float32; any strides) from an 8-bit frame."""
        pixels = frame.reshape(-1, 3)
        corners = []
        for index, outside in zip(self.index, self.outside):
            corners.append(np.take(pixels, index, axis=0).astype(np.float32))
            corners[-1][outside] = 0
        out[:] = self.shift
        out[self.rows, self.columns] = self.blend(corners, self.fx, self.fy) * self.scale + self.shift
        return out

    def to_source(self, x, y):
        return x * self.scale_x - self.pad_x, y * self.scale_y - self.pad_y


class Decoder:
    """Heads on the host -> poses [(score, [(x, y, score) of each part])] in pixels of the network's input.

    `heads` are (height, width, channels) each; views are fine. Only cells that reach the threshold are looked at
    twice, and only scores that are asked for are computed.
    """

    def __init__(self, size, logits):
        self.size, self.logits = size, logits
        self.least = math.log(THRESHOLD / (1 - THRESHOLD)) if logits else THRESHOLD

    def score(self, value):
        return 1 / (1 + math.exp(-float(value))) if self.logits else float(value)

    def stride(self, heat):
        return (self.size[0] - 1) // (heat.shape[1] - 1)

    def candidates(self, heat):
        """Local maxima that reach the threshold, best first: [(value, row, column, part)]."""
        h, w, _ = heat.shape
        around = np.full((h + 2, w + 2, PARTS), -np.inf, np.float32)
        around[1:-1, 1:-1] = heat
        y, x, part = np.nonzero(heat >= self.least)
        values = around[y + 1, x + 1, part]
        peak = np.ones(len(values), bool)
        for dy in range(3):
            for dx in range(3):
                peak &= values >= around[y + dy, x + dx, part]
        y, x, part, values = y[peak], x[peak], part[peak], values[peak]
        order = np.lexsort((y * w + x, part, -values))
        return zip(values[order].tolist(), y[order].tolist(), x[order].tolist(), part[order].tolist())

    def several(self, heads, candidates=None):
        """`candidates`: of this heatmap, if they are known already."""
        heat = heads["heatmaps"]
        stride = self.stride(heat)
        poses = []
        for value, y, x, k in candidates if candidates is not None else self.candidates(heat):
            if len(poses) == MAX_POSES:
                break
            root = refined(heads["offsets"], stride, y, x, k)
            if any(within(root, p[k]) for _, p in poses):
                continue
            points = self._walk(heads, stride, k, (*root, self.score(value)))
            counted = sum(p[2] for j, p in enumerate(points)
                          if not any(within(p, other[j]) for _, other in poses))
            poses.append((counted / PARTS, points))
        return poses

    def _walk(self, heads, stride, root, first):
        points = [None] * PARTS
        points[root] = first
        for edge in reversed(range(len(EDGES))):
            parent, child = EDGES[edge]
            if points[child] and not points[parent]:
                points[parent] = self._step(heads, stride, "displacement_bwd", edge, points[child], parent)
        for edge, (parent, child) in enumerate(EDGES):
            if points[parent] and not points[child]:
                points[child] = self._step(heads, stride, "displacement_fwd", edge, points[parent], child)
        return points

    def _step(self, heads, stride, displacement, edge, source, part):
        heat, offsets, moves = heads["heatmaps"], heads["offsets"], heads[displacement]
        row, column = nearest_cell(source[0], source[1], stride, heat.shape)
        y = source[1] + float(moves[row, column, edge])
        x = source[0] + float(moves[row, column, edge + len(EDGES)])
        for _ in range(2):
            x, y = refined(offsets, stride, *nearest_cell(x, y, stride, heat.shape), part)
        return x, y, self.score(heat[(*nearest_cell(x, y, stride, heat.shape), part)])


def within(a, b):
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 <= RADIUS * RADIUS


def refined(offsets, stride, y, x, k):
    return x * stride + float(offsets[y, x, k + PARTS]), y * stride + float(offsets[y, x, k])


def nearest_cell(x, y, stride, shape):
    row = min(max(math.floor(y / stride + 0.5), 0), shape[0] - 1)
    return row, min(max(math.floor(x / stride + 0.5), 0), shape[1] - 1)
