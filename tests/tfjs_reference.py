"""TensorFlow's operators in NumPy, by their definitions and node by node: what a TF.js model means. Pictures are NHWC."""
import base64

import numpy as np


def same_pads(size, kernel, stride, dilation):
    """TensorFlow's SAME: half before, the odd one behind."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def windows(x, kernel, stride, dilation, padding, explicit, fill):
    """For each tap of the kernel, the pixels that it meets: a list of (tap y, tap x, N H W C)."""
    pads = []
    for axis in (0, 1):
        if padding == 'SAME':
            pads.append(same_pads(x.shape[1 + axis], kernel[axis], stride[axis], dilation[axis]))
        else:
            pads.append((0, 0) if padding == 'VALID' else tuple(explicit[2 + 2 * axis:4 + 2 * axis]))
    x = np.pad(x, [(0, 0), pads[0], pads[1], (0, 0)], constant_values=fill)
    out = [(x.shape[1 + a] - (kernel[a] - 1) * dilation[a] - 1) // stride[a] + 1 for a in (0, 1)]
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            y0, x0 = i * dilation[0], j * dilation[1]
            yield i, j, x[:, y0:y0 + out[0] * stride[0]:stride[0], x0:x0 + out[1] * stride[1]:stride[1]]


def space_to_batch(x, block, pads):
    """As TensorFlow's documentation defines it: pad, cut each axis into block, blocks first."""
    x = np.pad(x, [(0, 0), tuple(pads[0]), tuple(pads[1]), (0, 0)])
    n, h, w, c = x.shape
    assert h % block[0] == 0 and w % block[1] == 0, 'the padded size is no multiple of the block'
    x = x.reshape(n, h // block[0], block[0], w // block[1], block[1], c)
    return x.transpose(2, 4, 0, 1, 3, 5).reshape(-1, h // block[0], w // block[1], c)


def batch_to_space(x, block, crops):
    b, h, w, c = x.shape
    n = b // (block[0] * block[1])
    x = x.reshape(block[0], block[1], n, h, w, c).transpose(2, 3, 0, 4, 1, 5).reshape(n, h * block[0], w * block[1], c)
    return x[:, crops[0][0]:x.shape[1] - crops[0][1], crops[1][0]:x.shape[2] - crops[1][1]]


class Model:
    """Evaluates the nodes of a tfjs_maker.Maker."""

    def __init__(self, maker, picture):
        self.maker, self.nodes = maker, {n['name']: n for n in maker.nodes}
        self.done = {n['name']: picture.astype(np.float64) for n in maker.nodes if n['op'] == 'Placeholder'}

    def attribute(self, node, key, default=None):
        entry = node['attr'].get(key)
        if entry is None:
            return default
        text = lambda s: ''.join(map(chr, s)) if isinstance(s, list) else base64.b64decode(s).decode()
        if 's' in entry:
            return text(entry['s'])
        if 'f' in entry:
            return entry['f']
        if 'i' in entry:
            return int(entry['i'])
        listed = entry['list']
        return [text(s) for s in listed['s']] if 's' in listed else [int(i) for i in listed.get('i', [])]

    def value(self, name):
        name = name.split(':')[0]
        if name not in self.done:
            node = self.nodes[name]
            inputs = [self.value(i) for i in node.get('input', []) if not i.startswith('^')]
            if node['op'] == 'Const':
                stored = self.maker.values(name)
                self.done[name] = stored.astype(np.int64 if stored.dtype == np.int32 else np.float64)
            else:
                operator = node['op'].lstrip('_')
                self.done[name] = getattr(self, operator)(node, *inputs)
        return self.done[name]

    # ---- windows
    def window(self, node, key='dilations'):
        pair = lambda k: self.attribute(node, k, [1, 1, 1, 1])[1:3]
        return pair('strides'), pair(key), self.attribute(node, 'padding'), self.attribute(node, 'explicit_paddings')

    def Conv2D(self, node, x, w):
        stride, dilation, padding, explicit = self.window(node)
        return sum(p @ w[i, j] for i, j, p in windows(x, w.shape[:2], stride, dilation, padding, explicit, 0))

    def DepthwiseConv2dNative(self, node, x, w):
        stride, dilation, padding, explicit = self.window(node)
        taps = windows(x, w.shape[:2], stride, dilation, padding, explicit, 0)
        r = sum(p[..., None] * w[i, j] for i, j, p in taps)
        return r.reshape(r.shape[:3] + (-1,))

    def fused(self, node, r, arguments):
        arguments = list(arguments)
        for op in self.attribute(node, 'fused_ops', []):
            if op in ('BiasAdd', 'Add'):
                r = r + arguments.pop(0)
            elif op == 'FusedBatchNorm':
                r = self.FusedBatchNorm(node, r, *[arguments.pop(0) for _ in range(4)])
            else:
                r = getattr(self, op)(node, r)
        return r

    def FusedConv2D(self, node, x, w, *arguments):
        return self.fused(node, self.Conv2D(node, x, w), arguments)

    def FusedDepthwiseConv2dNative(self, node, x, w, *arguments):
        return self.fused(node, self.DepthwiseConv2dNative(node, x, w), arguments)

    def MaxPool(self, node, x):
        stride, kernel, padding, explicit = self.window(node, 'ksize')
        taps = windows(x, kernel, stride, (1, 1), padding, explicit, -np.inf)
        return np.max([p for _, _, p in taps], axis=0)

    def Pad(self, node, x, pads, fill=0.0):
        return np.pad(x, [tuple(p) for p in pads], constant_values=float(fill))

    PadV2 = Pad

    def SpaceToBatchND(self, node, x, block, pads):
        return space_to_batch(x, block, pads)

    def BatchToSpaceND(self, node, x, block, crops):
        return batch_to_space(x, block, crops)

    # ---- pixels
    def BiasAdd(self, node, x, b):
        return x + b

    def Add(self, node, a, b):
        return a + b

    AddV2 = Add

    def Sub(self, node, a, b):
        return a - b

    def Mul(self, node, a, b):
        return a * b

    def RealDiv(self, node, a, b):
        return a / b

    def Relu(self, node, x):
        return np.maximum(x, 0)

    def Relu6(self, node, x):
        return np.clip(x, 0, 6)

    def Sigmoid(self, node, x):
        return 1 / (1 + np.exp(-x))

    def Identity(self, node, x):
        return x

    def FusedBatchNorm(self, node, x, scale, offset, mean, variance):
        return (x - mean) / np.sqrt(variance + self.attribute(node, 'epsilon', 0.0001)) * scale + offset

    FusedBatchNormV2 = FusedBatchNormV3 = FusedBatchNorm

    # ---- sizes
    def Shape(self, node, x):
        return np.array(x.shape)

    def StridedSlice(self, node, x, begin, end, step):
        begin = None if self.attribute(node, 'begin_mask') else int(begin[0])
        end = None if self.attribute(node, 'end_mask') else int(end[0])
        return x[begin] if self.attribute(node, 'shrink_axis_mask') else x[begin:end]

    def Pack(self, node, *inputs):
        return np.stack(inputs)

    def ConcatV2(self, node, *inputs):
        return np.concatenate(inputs[:-1], int(inputs[-1]))

    def FloorMod(self, node, a, b):
        return np.mod(a, b)
