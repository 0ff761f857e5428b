"""Small PoseNets as the exporters of this world write them: each function gives a model of random weights whose four
heads are right for an input of 3 channels. Used by dialects_test.py."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

HEADS = (('heatmaps', 17), ('offsets', 34), ('displacement_fwd', 32), ('displacement_bwd', 32))


class Maker:
    """Collects nodes and initialisers; every method gives the name of its result."""

    def __init__(self, seed, opset):
        self.random = np.random.default_rng(seed)
        self.opset, self.nodes, self.constants, self.count = opset, [], [], 0

    def name(self, what):
        self.count += 1
        return '%s_%d' % (what, self.count)

    def node(self, op, *inputs, outputs=1, out=None, **attributes):
        names = out or [self.name(op.lower()) for _ in range(outputs)]
        names = [names] if isinstance(names, str) else names
        self.nodes.append(helper.make_node(op, list(inputs), names, name=self.name('node/' + op), **attributes))
        return names[0] if len(names) == 1 else names

    def constant(self, array, dtype=np.float32):
        name = self.name('const')
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def constant_node(self, array, dtype=np.float32):
        """The same as a Constant node, which PyTorch likes."""
        value = numpy_helper.from_array(np.asarray(array, dtype), 'value')
        return self.node('Constant', value=value)

    def integers(self, *values):
        return self.constant(values, np.int64)

    def weights(self, *shape, scale=None):
        fan_in = max(1, int(np.prod(shape[1:])))
        return self.constant(self.random.normal(0, scale or (2 / fan_in) ** 0.5, shape))

    def conv(self, x, inputs, outputs, kernel=3, bias=True, group=1, **attributes):
        filters = self.weights(outputs, inputs // group, kernel, kernel)
        parts = [x, filters] + ([self.weights(outputs, scale=0.1)] if bias else [])
        return self.node('Conv', *parts, kernel_shape=[kernel, kernel], group=group, **attributes)

    def batch_norm(self, x, channels):
        mean, var = self.weights(channels, scale=0.2), self.constant(self.random.uniform(0.5, 2, channels))
        scale = self.constant(self.random.uniform(0.5, 1.5, channels))
        return self.node('BatchNormalization', x, scale, self.weights(channels, scale=0.2), mean, var, epsilon=1e-3)

    def clip(self, x, low, high):
        """Clip by attributes before opset 11, by inputs since; None leaves a limit out."""
        if self.opset < 11:
            limits = {'min': low, 'max': high}
            return self.node('Clip', x, **{k: float(v) for k, v in limits.items() if v is not None})
        parts = ['' if v is None else self.constant(v) for v in (low, high)]
        return self.node('Clip', x, *parts)

    def pad(self, x, pads, value=0.0, mode='constant'):
        if self.opset < 11:
            return self.node('Pad', x, pads=pads, value=value, mode=mode)
        return self.node('Pad', x, self.integers(*pads), self.constant(value), mode=mode)

    def unsqueeze(self, x, *axes):
        if self.opset < 13:
            return self.node('Unsqueeze', x, axes=list(axes))
        return self.node('Unsqueeze', x, self.integers(*axes))

    def squeeze(self, x, *axes):
        if self.opset < 13:
            return self.node('Squeeze', x, axes=list(axes))
        return self.node('Squeeze', x, self.integers(*axes))

    def slice(self, x, starts, ends, axes):
        if self.opset < 10:
            return self.node('Slice', x, starts=starts, ends=ends, axes=axes)
        return self.node('Slice', x, self.integers(*starts), self.integers(*ends), self.integers(*axes))

    def to_nchw(self, x, out=None):
        return self.node('Transpose', x, perm=[0, 3, 1, 2], out=out)

    def to_nhwc(self, x, out=None):
        return self.node('Transpose', x, perm=[0, 2, 3, 1], out=out)

    def scaled(self, x):
        """Pixels to -1..1, inside the graph."""
        return self.node('Sub', self.node('Div', x, self.constant(127.5)), self.constant(1.0))

    def heads_nchw(self, x, channels):
        for name, count in HEADS:
            y = self.conv(x, channels, count, 1)
            self.node('Identity', y, out=name)

    def heads_nhwc(self, x, channels):
        for name, count in reversed(HEADS):
            self.to_nhwc(self.conv(x, channels, count, 1), out=name)

    def model(self, nhwc, dims=None, outputs=None, constants_are_inputs=False, pixels=TensorProto.FLOAT):
        """`dims`: (batch, height, width), else dynamic."""
        n, h, w = dims or ('n', 'h', 'w')
        shape = [n, h, w, 3] if nhwc else [n, 3, h, w]
        inputs = [helper.make_tensor_value_info('image', pixels, shape)]
        if constants_are_inputs:
            inputs += [helper.make_tensor_value_info(c.name, c.data_type, c.dims) for c in self.constants]
        names = outputs or [name for name, _ in HEADS]
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in names]
        graph = helper.make_graph(self.nodes, 'dialect', inputs, outputs, self.constants)
        ir = 3 if constants_are_inputs else 8
        return helper.make_model(graph, opset_imports=[helper.make_opsetid('', self.opset)], ir_version=ir)


def tf2onnx(seed, opset):
    """NHWC in and out, Transposes, unfolded batch norm written as Mul and Add, Clip, zero Pads, SAME_UPPER."""
    m = Maker(seed, opset)
    x = m.to_nchw(m.scaled('image'))
    x = m.conv(m.pad(x, [0, 0, 3, 3, 0, 0, 3, 3]), 3, 8, 7, bias=False, strides=[2, 2], auto_pad='VALID')
    x = m.to_nhwc(x)
    x = m.node('Add', m.node('Mul', x, m.weights(8, scale=1)), m.weights(8, scale=0.1))
    x = m.to_nchw(m.node('Relu', x))
    x = m.node('MaxPool', x, kernel_shape=[3, 3], strides=[2, 2], auto_pad='SAME_UPPER')
    x = m.clip(m.conv(x, 8, 8, group=8, auto_pad='SAME_UPPER', strides=[2, 2]), 0, 6)
    x = m.clip(m.conv(x, 8, 16, 1, auto_pad='SAME_UPPER'), 0, 6)
    shortcut = x
    x = m.node('Relu', m.batch_norm(m.conv(x, 16, 16, bias=False, auto_pad='SAME_UPPER'), 16))
    x = m.node('Add', m.to_nhwc(m.conv(x, 16, 16, 1)), m.to_nhwc(shortcut))
    x = m.to_nchw(m.node('Relu', x))
    x = m.clip(m.conv(x, 16, 16, group=16, auto_pad='SAME_UPPER', strides=[2, 2]), 0, 6)
    m.heads_nhwc(x, 16)
    return m.model(nhwc=True, constants_are_inputs=opset < 9)


def whole_pixels(seed, opset):
    """The picture as a camera gives it, uint8 and BGR: turned, its channels reversed, then cast and scaled."""
    m = Maker(seed, opset)
    x = m.to_nchw('image')
    x = m.node('Slice', x, m.integers(2), m.integers(-9), m.integers(1), m.integers(-1))
    x = m.scaled(m.node('Cast', x, to=TensorProto.FLOAT))
    x = m.node('Relu', m.conv(x, 3, 16, strides=[4, 4], auto_pad='SAME_UPPER'))
    x = m.node('Relu', m.conv(x, 16, 16, strides=[4, 4], auto_pad='SAME_UPPER'))
    m.heads_nhwc(x, 16)
    return m.model(nhwc=True, pixels=TensorProto.UINT8)


def tf2onnx_sizes(seed, opset):
    """Sizes computed in the graph: Shape, Slice, Cast, Mul, Concat into Resize and Reshape; a Squeeze on the way."""
    m = Maker(seed, opset)
    x = m.node('Relu', m.conv(m.to_nchw(m.scaled('image')), 3, 8, strides=[2, 2], auto_pad='SAME_UPPER'))
    low = m.node('Relu', m.conv(x, 8, 8, strides=[2, 2], auto_pad='SAME_UPPER'))
    sides = m.slice(m.node('Shape', x), [2], [4], [0])
    sides = m.node('Cast', m.node('Cast', sides, to=TensorProto.INT32), to=TensorProto.INT64)
    batch = m.slice(m.node('Shape', low), [0], [2], [0])
    sizes = m.node('Concat', batch, sides, axis=0)
    mode = {'coordinate_transformation_mode': 'align_corners', 'mode': 'linear'}
    up = m.node('Resize', low, m.constant([], np.float32), m.constant([], np.float32), sizes, **mode)
    x = m.node('Concat', x, up, axis=1)
    x = m.node('Relu', m.conv(x, 16, 16, strides=[8, 8], kernel=9, pads=[4, 4, 4, 4]))
    shape = m.node('Shape', x)
    flat = m.node('Reshape', x, m.integers(0, 0, -1))
    flat = m.squeeze(m.unsqueeze(m.node('Mul', flat, m.constant(0.5)), 0), 0)
    x = m.node('Reshape', flat, shape)
    m.heads_nhwc(x, 16)
    return m.model(nhwc=True)


def pytorch(seed, opset):
    """NCHW, explicit pads, batch norm as it was trained, HardTanh as Clip, residuals, Constant nodes."""
    m = Maker(seed, opset)

    def unit(x, inputs, outputs, stride):
        y = m.conv(x, inputs, outputs, bias=False, pads=[1, 1, 1, 1], strides=[stride, stride])
        y = m.node('Relu', m.batch_norm(y, outputs))
        y = m.batch_norm(m.conv(y, outputs, outputs, bias=False, pads=[1, 1, 1, 1]), outputs)
        if stride > 1 or inputs != outputs:
            x = m.batch_norm(m.conv(x, inputs, outputs, 1, bias=False, strides=[stride, stride]), outputs)
        return m.node('Relu', m.node('Add', y, x))

    x = m.node('Div', m.node('Sub', 'image', m.constant_node([[[123.675]], [[116.28]], [[103.53]]])),
               m.constant_node([[[58.395]], [[57.12]], [[57.375]]]))
    x = m.node('Relu', m.batch_norm(m.conv(x, 3, 8, 7, bias=False, pads=[3, 3, 3, 3], strides=[2, 2]), 8))
    x = m.node('MaxPool', x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = unit(unit(x, 8, 8, 1), 8, 16, 2)
    x = m.clip(m.conv(x, 16, 16, group=16, pads=[1, 1, 1, 1], strides=[2, 2]), -1, 1)
    x = m.conv(x, 16, 16, group=4, pads=[2, 2, 2, 2], dilations=[2, 2])
    x = m.node('Dropout', m.clip(x, None, 6))
    m.heads_nchw(x, 16)
    return m.model(nhwc=False, outputs=[name for name, _ in HEADS[::-1]])


def pytorch_upsample(seed, opset):
    """Features of two scales put together: Resize by sizes that come through Shape, Gather, Unsqueeze, Concat, and by
    factors; Split and Slice of one wide head."""
    m = Maker(seed, opset)
    x = m.node('Relu', m.conv(m.scaled('image'), 3, 8, pads=[1, 1, 1, 1], strides=[2, 2]))
    low = m.node('Relu', m.conv(x, 8, 8, pads=[1, 1, 1, 1], strides=[2, 2]))
    dims = [m.unsqueeze(m.node('Gather', m.node('Shape', x), m.constant_node(a, np.int64), axis=0), 0) for a in (2, 3)]
    front = m.slice(m.node('Shape', low), [0], [2], [0])
    sizes = m.node('Concat', front, *dims, axis=0)
    nearest = {'mode': 'nearest', 'nearest_mode': 'floor', 'coordinate_transformation_mode': 'asymmetric'}
    up = m.node('Resize', low, '', '', sizes, **nearest)
    x = m.node('Add', x, up)
    down = {'mode': 'linear', 'coordinate_transformation_mode': 'pytorch_half_pixel'}
    x = m.node('Resize', x, '', m.constant([1, 1, 0.5, 0.5]), **down)
    x = m.node('Relu', m.conv(x, 8, 12, pads=[2, 2, 2, 2], strides=[4, 4]))
    wide = m.conv(x, 12, 115, 1)
    m.node('Split', wide, m.integers(17, 34, 64), axis=1, out=['heatmap_logits', 'offsets', 'displacements'])
    m.node('Sigmoid', 'heatmap_logits', out='heatmaps')
    m.node('Slice', 'displacements', m.integers(0), m.integers(32), m.integers(1), out='displacement_fwd')
    m.node('Slice', 'displacements', m.integers(-32), m.integers(2 ** 31), m.integers(-3), out='displacement_bwd')
    return m.model(nhwc=False)


def keras2onnx(seed, opset):
    """Zero padding as a layer of its own before VALID convolutions and pools, filters transposed in the graph, batch norm
    behind a biased convolution, ReLU6 as Min and Max, a mean image subtracted."""
    m = Maker(seed, opset)
    x = m.node('Sub', 'image', m.constant([[[103.939, 116.779, 123.68]]]))
    x = m.to_nchw(m.node('Mul', x, m.constant(1 / 64)))
    x = m.pad(x, [0, 0, 3, 3, 0, 0, 3, 3])
    filters = m.node('Transpose', m.weights(7, 7, 3, 8, scale=0.1), perm=[3, 2, 0, 1])
    x = m.node('Conv', x, filters, m.weights(8, scale=0.1), auto_pad='VALID', strides=[2, 2])
    x = m.node('Relu', m.batch_norm(x, 8))
    x = m.node('MaxPool', m.pad(x, [0, 0, 1, 1, 0, 0, 1, 1]), kernel_shape=[3, 3], strides=[2, 2], auto_pad='VALID')
    y = m.conv(m.pad(x, [0, 0, 1, 1, 0, 0, 1, 1]), 8, 8, group=8, auto_pad='VALID', strides=[2, 2])
    x = m.node('Max', m.node('Min', y, m.constant(6.0)), m.constant(0.0))
    x = m.batch_norm(m.conv(x, 8, 16, 1), 16)
    x = m.node('Min', m.node('Max', x, m.constant(np.zeros(1))), m.constant(np.full(1, 6.0)))
    x = m.conv(m.pad(x, [0, 0, 1, 1, 0, 0, 1, 1], value=0.25), 16, 16, auto_pad='VALID', strides=[2, 2])
    m.heads_nhwc(m.node('Relu', x), 16)
    return m.model(nhwc=True)


def one_sided(seed, opset):
    """Pads of all kinds at an even fixed size: SAME_UPPER and SAME_LOWER with a rest, pads on one side, ceil mode."""
    m = Maker(seed, opset)
    x = m.node('Mul', 'image', m.constant(0.01))
    x = m.conv(x, 3, 8, auto_pad='SAME_LOWER', strides=[2, 2])
    x = m.node('MaxPool', x, kernel_shape=[3, 2], strides=[2, 2], auto_pad='SAME_LOWER')
    x = m.conv(x, 8, 8, 4, auto_pad='SAME_UPPER')
    x = m.node('MaxPool', x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = m.conv(m.pad(x, [0, 0, 1, 2, 0, 0, 0, 1], mode='reflect'), 8, 8, pads=[0, 0, 1, 0])
    x = m.conv(m.pad(x, [0, 0, 1, 0, 0, 0, 0, 0], mode='edge'), 8, 8, 2, strides=[2, 2])
    m.heads_nchw(m.node('Relu', x), 8)
    return m.model(nhwc=False, dims=(1, 64, 80))


def preactivation(seed, opset):
    """Batch norm and ReLU before each convolution, which zero padding keeps from folding; results read twice."""
    m = Maker(seed, opset)
    x = m.conv(m.scaled('image'), 3, 8, pads=[1, 1, 1, 1], strides=[4, 4])
    for stride in (2, 1, 2):
        y = m.node('Relu', m.batch_norm(x, 8))
        y = m.conv(m.batch_norm(y, 8), 8, 8, pads=[1, 1, 1, 1], strides=[stride, stride])
        y = m.node('Sub', m.constant(1.0), m.node('Mul', y, m.weights(8, 1, 1, scale=1)))
        x = m.node('Add', y, y) if stride > 1 else m.node('Add', m.node('Sqrt', m.node('Relu', y)), x)
    m.heads_nchw(x, 8)
    return m.model(nhwc=False)


def half_weights(seed, opset):
    """Weights stored in half precision and in double, cast in the graph."""
    m = Maker(seed, opset)
    filters = m.constant(m.random.normal(0, 0.3, (8, 3, 3, 3)), np.float16)
    filters = m.node('Cast', filters, to=TensorProto.FLOAT)
    x = m.node('Conv', m.scaled('image'), filters, pads=[1, 1, 1, 1], strides=[4, 4])
    bias = m.node('Cast', m.constant(m.random.normal(0, 1, (1, 8, 1, 1)), np.float64), to=TensorProto.FLOAT)
    x = m.node('Relu', m.node('Add', x, bias))
    m.heads_nchw(m.conv(x, 8, 8, strides=[4, 4], pads=[1, 1, 1, 1]), 8)
    return m.model(nhwc=False)


def dilated(seed, opset, explicit=False):
    """Stride 8: the last strides turned into dilation with SAME_UPPER, which ONNX Runtime refuses; `explicit` writes the
    same pads as numbers, for it to compute."""
    m = Maker(seed, opset)

    def unit(x, stride, dilation, group=8, kernel=3):
        reach = dilation * (kernel // 2)
        pads = {'pads': [reach] * 4} if explicit else {'auto_pad': 'SAME_UPPER'}
        x = m.conv(x, 8, 8, kernel, group=group, strides=[stride] * 2, dilations=[dilation] * 2, **pads)
        return m.clip(x, 0, 6)

    x = m.clip(m.conv(m.to_nchw(m.scaled('image')), 3, 8, pads=[1, 1, 1, 1], strides=[2, 2]), 0, 6)
    for stride, dilation in ((2, 1), (1, 1), (2, 1), (1, 1), (1, 2), (1, 2), (1, 4)):
        x = unit(unit(x, stride, dilation), 1, 1, group=1, kernel=1)
    x = unit(x, 1, 2, group=1)
    m.heads_nhwc(x, 8)
    return m.model(nhwc=True)


def dilated_explicit(seed, opset):
    return dilated(seed, opset, explicit=True)


def unoptimized(seed, opset):
    """TensorFlow node by node, before any optimizer: each convolution between its own Transposes, padding, bias, batch
    norm and ReLU6 in NHWC."""
    m = Maker(seed, opset)

    def layer(x, inputs, outputs, kernel, stride, group=1):
        reach = kernel // 2
        x = m.to_nchw(m.pad(x, [0, reach, reach, 0, 0, reach, reach, 0]))
        x = m.to_nhwc(m.conv(x, inputs, outputs, kernel, bias=False, group=group, auto_pad='VALID', strides=[stride] * 2))
        x = m.node('Add', x, m.weights(outputs, scale=0.1))
        x = m.node('Sub', m.node('Mul', x, m.weights(1, 1, 1, outputs, scale=1)), m.weights(outputs, scale=0.1))
        return m.clip(x, 0, 6)

    x = layer(m.scaled('image'), 3, 8, 3, 2)
    for stride in (2, 1, 2, 2):
        y = layer(layer(x, 8, 8, 3, stride, group=8), 8, 8, 1, 1)
        x = y if stride > 1 else m.node('Add', m.node('Identity', x), y)
    x = m.to_nchw(x)
    m.heads_nhwc(x, 8)
    return m.model(nhwc=True)


def upsample(seed, opset):
    """Upsample, the Resize of old, by attribute (opset 7) or by input (9); sizes baked in by a fixed input."""
    m = Maker(seed, opset)
    x = m.node('Relu', m.conv(m.scaled('image'), 3, 8, strides=[4, 4], pads=[1, 1, 1, 1]))
    low = m.node('Relu', m.conv(x, 8, 8, 1, strides=[3, 3]))
    scales = [1.0, 1.0, 3.0, 3.0]
    up = m.node('Upsample', low, scales=scales, mode='nearest') if opset < 9 else \
        m.node('Upsample', low, m.constant(scales), mode='linear')
    x = m.slice(m.node('Concat', x, m.slice(up, [0, 0], [17, 25], [2, 3]), axis=1), [4], [12], [1])
    x = m.node('Reshape', m.node('Reshape', x, m.integers(1, 8, -1)), m.integers(1, 8, 17, 25))
    m.heads_nchw(m.conv(x, 8, 8, strides=[4, 4], pads=[1, 1, 1, 1]), 8)
    return m.model(nhwc=False, dims=(1, 65, 97))
