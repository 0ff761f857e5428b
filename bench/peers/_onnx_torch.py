"""A PoseNet ONNX file as a PyTorch module: the nodes in order, weights as buffers, sizes fixed.

Covers what PoseNet files contain after export (convolutions with every padding, batch norm, element-wise,
pooling, transposes); anything else is refused by name, so that a rival is never timed on half a network.
"""
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def _attributes(node):
    """Plain numbers, lists and texts, which torch.compile traces through."""
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {k: v.decode() if isinstance(v, bytes) else list(v) if not isinstance(v, (int, float)) else v
            for k, v in values.items()}


def _pads(attributes, size, kernel, stride, dilation):
    """(top, left, bottom, right) as ONNX's auto_pad means them for an input of `size`."""
    auto = attributes.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        return list(attributes.get("pads", [0, 0, 0, 0]))
    if auto == "VALID":
        return [0, 0, 0, 0]
    before, after = [], []
    for n, k, s, d in zip(size, kernel, stride, dilation):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        small = total // 2
        before.append(small if auto == "SAME_UPPER" else total - small)
        after.append(total - before[-1])
    return before + after


class OnnxModule(torch.nn.Module):
    """forward(x) takes what the file takes (NCHW or NHWC) and returns the wanted outputs as a tuple."""

    def __init__(self, path, outputs):
        super().__init__()
        graph = onnx.load(path).graph
        self.outputs = outputs
        self.nodes, self.slots, self.constants = [], {}, {}
        weights = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self.input = next(i for i in graph.input if i.name not in weights)
        for name, array in weights.items():
            if array.ndim == 0 or array.dtype.kind == "i":  # limits and sizes: numbers, as a user would write them
                self.constants[name] = array.tolist()
                continue
            self.slots[name] = f"w{len(self.slots)}"
            tensor = torch.from_numpy(array.copy())
            self.register_buffer(self.slots[name], tensor)
        needed, kept = set(outputs), []
        for node in reversed(graph.node):
            if needed & set(node.output):
                needed |= set(node.input)
                kept.append(node)
        for node in reversed(kept):
            if not hasattr(self, "op_" + node.op_type.lower()):
                raise ValueError(f"{node.op_type} is not covered by this worker")
            self.nodes.append((node.op_type.lower(), list(node.input), list(node.output),
                               _attributes(node)))

    def forward(self, x):
        values = {self.input.name: x, **self.constants}
        for op, inputs, outputs, attributes in self.nodes:
            args = [None if not i else values[i] if i in values else getattr(self, self.slots[i])
                    for i in inputs]
            values[outputs[0]] = getattr(self, "op_" + op)(attributes, *args)
        return tuple(values[o] for o in self.outputs)

    @staticmethod
    def op_conv(a, x, w, b=None):
        kernel = list(w.shape[2:])
        stride, dilation = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
        top, left, bottom, right = _pads(a, x.shape[2:], kernel, stride, dilation)
        if (top, left) != (bottom, right):
            x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
        return F.conv2d(x, w, b, stride, (top, left), dilation, a.get("group", 1))

    @staticmethod
    def op_maxpool(a, x):
        kernel, stride = a["kernel_shape"], a.get("strides", [1, 1])
        top, left, bottom, right = _pads(a, x.shape[2:], kernel, stride, [1, 1])
        if (top, left) != (bottom, right):
            x, top, left = F.pad(x, (left, right, top, bottom), value=float("-inf")), 0, 0
        return F.max_pool2d(x, kernel, stride, (top, left))

    @staticmethod
    def op_batchnormalization(a, x, scale, bias, mean, variance):
        return F.batch_norm(x, mean, variance, scale, bias, eps=a.get("epsilon", 1e-5))

    @staticmethod
    def op_clip(a, x, low=None, high=None):
        low = a.get("min") if low is None else low
        high = a.get("max") if high is None else high
        return torch.clamp(x, low, high)

    @staticmethod
    def op_pad(a, x, pads=None, value=None):
        pads = a["pads"] if pads is None else pads
        half = len(pads) // 2
        flat = [p for axis in reversed(range(half)) for p in (pads[axis], pads[half + axis])]
        return F.pad(x, flat, value=float(value or 0))

    @staticmethod
    def op_transpose(a, x):
        return x.permute(a["perm"])

    @staticmethod
    def op_relu(_a, x):
        return F.relu(x)

    @staticmethod
    def op_sigmoid(_a, x):
        return torch.sigmoid(x)

    @staticmethod
    def op_identity(_a, x):
        return x

    @staticmethod
    def op_add(_a, x, y):
        return x + y

    @staticmethod
    def op_sub(_a, x, y):
        return x - y

    @staticmethod
    def op_mul(_a, x, y):
        return x * y

    @staticmethod
    def op_div(_a, x, y):
        return x / y
