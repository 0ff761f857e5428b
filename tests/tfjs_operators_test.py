"""Every operator of TF.js's PoseNets, in every spelling, against TensorFlow's definitions in NumPy: a small model is
written, converted to ONNX, checked by onnx and run by ONNX Runtime at several sizes."""
from command import Checks, skip

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as error:
    skip('no %s' % error.name)
from tfjs_maker import HEADS, Maker, write
from tfjs_reference import Model

CASES = {}
SIZES = ((33, 49), (34, 40))
LIMIT = 1e-5


def case(function):
    CASES[function.__name__] = function
    return function


def stem(m, channels=6):
    """A picture of `channels` at half the size."""
    return m.node('Relu', m.bias(m.conv(m.input(), 3, channels, 3, 2), channels), T='DT_FLOAT')


def simple(make, channels=6, after=None, **spelling):
    """A case that is one operator between the stem and the heads."""
    def build():
        m = Maker(**spelling)
        x = stem(m, channels)
        m.heads(make(m, x), after or channels, (x, channels))
        return m
    return build


for kernel in (1, 2, 3, 5):
    for stride in (1, 2):
        for padding in ('SAME', 'VALID'):
            CASES['conv %d/%d %s' % (kernel, stride, padding)] = simple(
                lambda m, x, k=kernel, s=stride, p=padding: m.conv(x, 6, 8, k, s, p), after=8)
            CASES['depthwise %d/%d %s' % (kernel, stride, padding)] = simple(
                lambda m, x, k=kernel, s=stride, p=padding: m.depthwise(x, 6, 1, k, stride=s, padding=p))
CASES['conv explicit'] = simple(lambda m, x: m.conv(x, 6, 8, 3, 2, 'EXPLICIT', explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0]),
                                after=8)
CASES['conv dilated'] = simple(lambda m, x: m.conv(x, 6, 8, 3, dilation=2), after=8)
CASES['conv dilated valid'] = simple(lambda m, x: m.conv(x, 6, 8, 3, padding='VALID', dilation=3), after=8)
CASES['depthwise dilated'] = simple(lambda m, x: m.depthwise(x, 6, dilation=4))
CASES['depthwise multiplier'] = simple(lambda m, x: m.depthwise(x, 6, 3), after=18)
CASES['numbers'] = simple(lambda m, x: m.conv(x, 6, 8, 3, 2), after=8, numbers=True)
CASES['character codes'] = simple(lambda m, x: m.conv(x, 6, 8, 3, 2), after=8, codes=True)
CASES['type numbers'] = simple(lambda m, x: m.conv(x, 6, 8, 3, 2), after=8, type_numbers=True)
for op in ('Relu', 'Relu6', 'Sigmoid', 'Identity'):
    CASES[op] = simple(lambda m, x, o=op: m.node(o, x, T='DT_FLOAT'))
CASES['bias on no convolution'] = simple(lambda m, x: m.bias(x, 6))


@case
def bias_on_shared_convolution():
    m = Maker()
    conv = m.conv(stem(m), 6, 6)
    m.heads(m.node('AddV2', m.bias(conv, 6), conv, T='DT_FLOAT'), 6)
    return m


@case
def residual():
    m = Maker()
    x = stem(m)
    m.heads(m.node('Add', x, m.node('Relu6', m.bias(m.conv(x, 6, 6), 6), T='DT_FLOAT'), T='DT_FLOAT'), 6)
    return m


for op in ('Add', 'AddV2', 'Sub', 'Mul', 'RealDiv'):
    for shape in ((), (6,), (1, 6), (1, 1, 1, 6), (1, 1, 1, 1)):
        for first in (False, True):
            def make(m, x, op=op, shape=shape, first=first):
                c = m.constant(m.random.uniform(1, 2, shape).astype(np.float32))
                if op == 'RealDiv' and first:
                    x = m.node('Add', x, m.constant(np.float32(1)), T='DT_FLOAT')
                return m.node(op, *((c, x) if first else (x, c)), T='DT_FLOAT')
            CASES['%s %s %s' % (op, shape, 'constant first' if first else '')] = simple(make)

for op, epsilon in (('FusedBatchNorm', None), ('FusedBatchNormV2', 0.01), ('FusedBatchNormV3', 0.001)):
    def make(m, x, op=op, epsilon=epsilon):
        lists = [m.random_constant(6), m.random_constant(6), m.random_constant(6),
                 m.constant(m.random.uniform(0.1, 2, 6).astype(np.float32))]
        return m.node(op, m.conv(x, 6, 6), *lists, T='DT_FLOAT', data_format='NHWC', is_training=False,
                      **({'epsilon': epsilon} if epsilon else {}))
    CASES[op] = simple(make)

for ops in ([], ['BiasAdd'], ['BiasAdd', 'Relu'], ['BiasAdd', 'Relu6'], ['BiasAdd', 'Sigmoid'], ['BiasAdd', 'Add'],
            ['BiasAdd', 'Add', 'Relu'], ['FusedBatchNorm', 'Relu']):
    def make(m, x, ops=ops):
        extra = [m.random_constant(6)] if 'BiasAdd' in ops else []
        if 'FusedBatchNorm' in ops:
            extra = [m.random_constant(6) for _ in range(3)] + [m.constant(np.full(6, 0.5, np.float32))]
        if 'Add' in ops:
            extra.append(x)
        return m.conv(x, 6, 6, op='_FusedConv2D', extra=extra, fused_ops=ops, num_args=len(extra), epsilon=0.001)
    CASES['_FusedConv2D %s' % ops] = simple(make)
for op in ('FusedDepthwiseConv2dNative', '_FusedDepthwiseConv2dNative'):
    CASES[op] = simple(lambda m, x, op=op: m.depthwise(x, 6, 2, op=op, extra=[m.random_constant(12)],
                                                       fused_ops=['BiasAdd', 'Relu6'], num_args=1), after=12)

for kernel, stride in ((3, 2), (2, 2), (3, 1), (1, 2)):
    for padding in ('SAME', 'VALID'):
        CASES['max pool %d/%d %s' % (kernel, stride, padding)] = simple(
            lambda m, x, k=kernel, s=stride, p=padding: m.node(
                'MaxPool', x, T='DT_FLOAT', data_format='NHWC', ksize=[1, k, k, 1], strides=[1, s, s, 1], padding=p))
CASES['pad'] = simple(lambda m, x: m.conv(m.node('Pad', x, m.constant(
    np.array([[0, 0], [3, 2], [1, 4], [0, 0]], np.int32)), T='DT_FLOAT'), 6, 8, 7, 2, 'VALID'), after=8)
CASES['pad with a value'] = simple(lambda m, x: m.node('PadV2', x, m.constant(
    np.array([[0, 0], [1, 0], [0, 2], [0, 0]], np.int32)), m.constant(np.float32(-1.5)), T='DT_FLOAT'))

# ---- dilation: SpaceToBatchND ... BatchToSpaceND


def sandwich(block, kernel=3, pad=None, inside=lambda m, x: x, outside=lambda m, x: x, depthwise=False, padding='VALID'):
    def make(m, x):
        reach = [(kernel - 1) * b for b in block]
        before = [r // 2 for r in reach] if pad is None else pad[0]
        after = [r - r // 2 for r in reach] if pad is None else pad[1]
        pads, crops = m.dynamic_sides(x, block, before, after)
        y = m.split(x, block, pads)
        y = m.depthwise(y, 6, padding=padding, kernel=kernel) if depthwise else m.conv(y, 6, 6, kernel, padding=padding)
        return outside(m, m.join(inside(m, y), block, crops))
    return make


CASES['dilation 2'] = simple(sandwich((2, 2)))
CASES['dilation 4, depthwise'] = simple(sandwich((4, 4), depthwise=True))
CASES['dilation 2 and 3'] = simple(sandwich((2, 3)))
CASES['dilation, even kernel'] = simple(sandwich((2, 2), kernel=2))
CASES['dilation, valid'] = simple(sandwich((2, 2), pad=((0, 0), (0, 0))))
CASES['dilation, uneven pads'] = simple(sandwich((2, 2), pad=((1, 3), (4, 0))))
CASES['dilation, padded inside'] = simple(sandwich((2, 2), pad=((0, 0), (0, 0)), padding='SAME'))
CASES['dilation, bias inside'] = simple(sandwich((2, 2), inside=lambda m, x: m.node('Relu6', m.bias(x, 6), T='DT_FLOAT')))
CASES['dilation, bias outside'] = simple(sandwich((2, 2), outside=lambda m, x: m.bias(x, 6)))
CASES['dilation, scaled inside'] = simple(sandwich((2, 2), inside=lambda m, x: m.node('Mul', x, m.random_constant(6),
                                                                                    T='DT_FLOAT')))


@case
def two_dilations_in_a_row():
    """The second takes the shape of what the first left, through a bias and an activation."""
    m = Maker()
    x = sandwich((2, 2), outside=lambda m, x: m.node('Relu6', m.bias(x, 6), T='DT_FLOAT'))(m, stem(m))
    m.heads(sandwich((4, 4), depthwise=True)(m, x), 6)
    return m


@case
def dilation_of_fixed_size():
    """Pads and crops as constants, as in a file of one size: here 33 x 49, 17 x 25 behind the stem."""
    m = Maker()
    x = stem(m)
    y = m.split(x, (2, 2), m.constant(np.array([[2, 3], [2, 3]], np.int32)))
    y = m.join(m.conv(y, 6, 6, padding='VALID'), (2, 2), m.constant(np.array([[0, 1], [0, 1]], np.int32)))
    m.heads(y, 6)
    m.sizes = (SIZES[0],)
    return m


@case
def dilation_by_concat():
    """The sides joined by ConcatV2, the shape through Identity."""
    m = Maker()
    x = stem(m)
    shape = m.node('Identity', m.node('Shape', m.node('Identity', x, T='DT_FLOAT'), T='DT_FLOAT'), T='DT_INT32')
    two, axis = m.list_of(2), m.constant(np.int32(0))
    rows, outs = [], []
    for i in (1, 2):
        size = m.slice(shape, i, i + 1, False)
        lack = m.node('FloorMod', m.node('Sub', two, m.node('FloorMod', size, two, T='DT_INT32'), T='DT_INT32'), two,
                      T='DT_INT32')
        rows.append(m.node('ConcatV2', m.list_of(2), m.node('Add', lack, m.constant(np.int32(2)), T='DT_INT32'), axis,
                           T='DT_INT32', N=2))
        outs.append(m.node('ConcatV2', m.list_of(0), lack, axis, T='DT_INT32', N=2))
    y = m.conv(m.split(x, (2, 2), m.pack(*rows)), 6, 6, padding='VALID')
    m.heads(m.join(y, (2, 2), m.pack(*outs)), 6)
    return m


# ---- weights and files
for storage in ('uint8', 'uint16', 'float16'):
    CASES['weights in ' + storage] = simple(lambda m, x, s=storage: m.conv(x, 6, 8, 3, storage=s), after=8)


@case
def groups_and_shards():
    """Three groups, tensors over the ends of shards."""
    m = Maker()
    m.heads(m.conv(stem(m), 6, 8, storage='uint8'), 8)
    m.files = {'groups': 3, 'shard_bytes': 100}
    return m


@case
def signature():
    m = Maker()
    x = m.conv(stem(m), 6, 8)
    outputs = {}
    for i, (head, count) in enumerate(HEADS):
        y = m.node('Identity', m.bias(m.conv(x, 8, count, 1), count, name=head), T='DT_FLOAT', name='Identity_%d' % i)
        outputs['%s:0' % y] = {'name': '%s:0' % y, 'dtype': 'DT_FLOAT'}
    m.node('Relu', x, T='DT_FLOAT', name='not_an_output')
    m.signature = {'inputs': {'image': {'name': 'sub_2:0'}}, 'outputs': outputs}
    return m


@case
def signature_with_names():
    m = Maker()
    x = m.conv(stem(m), 6, 8)
    outputs = {}
    for i, (head, count) in enumerate(HEADS):
        y = m.node('Identity', m.bias(m.conv(x, 8, count, 1), count, name='a/b%d' % i), T='DT_FLOAT', name='Identity_%d' % i)
        outputs[head] = {'name': y}
    m.signature = {'outputs': outputs}
    return m


@case
def control_inputs_and_ports():
    m = Maker()
    x = stem(m)
    m.node('NoOp', '^' + x, name='nothing')
    m.heads(m.node('Relu', x + ':0', '^nothing', T='DT_FLOAT'), 6)
    m.nodes.reverse()   # any order will do
    return m


@case
def constants_through_identity():
    m = Maker()
    x = stem(m)
    w = m.node('Identity', m.random_constant(3, 3, 6, 6, scale=0.2), T='DT_FLOAT')
    conv = m.node('Conv2D', x, w, T='DT_FLOAT', data_format='NHWC', padding='SAME', strides=[1, 1, 1, 1])
    m.heads(conv, 6)
    return m


def heads_of(maker, x):
    model = Model(maker, x)
    if maker.signature:
        values = {k: model.value(v['name']) for k, v in maker.signature['outputs'].items()}
        if any(':' in k for k in values):
            return [values['Identity_%d:0' % i] for i in range(4)]
        return [values[head] for head, _ in HEADS]
    return [model.value('MobilenetV1/%s/BiasAdd' % head) for head, _ in HEADS]


with Checks() as check:
    for name, build in CASES.items():
        maker = build()
        path = write('model', *maker.document(**getattr(maker, 'files', {})))
        if check.good('convert', path, 'model.onnx').returncode:
            print('   in case ' + name)
            continue
        onnx.checker.check_model(onnx.load('model.onnx'), full_check=True)
        session = onnxruntime.InferenceSession('model.onnx')
        for size in getattr(maker, 'sizes', SIZES):
            x = np.random.default_rng(1).normal(0, 1, (2,) + size + (3,)).astype(np.float32)
            got = session.run(['heatmaps', 'offsets', 'displacement_fwd', 'displacement_bwd'],
                              {'image': x.transpose(0, 3, 1, 2)})
            for head, a, b in zip(HEADS, got, heads_of(maker, x)):
                a = a.transpose(0, 2, 3, 1)
                error = np.linalg.norm(a - b) / np.linalg.norm(b) if a.shape == b.shape else np.inf
                check(error <= LIMIT, '%s at %s: %s is off by %g (%s, %s)' % (name, size, head[0], error, a.shape, b.shape))
    print('%d cases' % len(CASES))
