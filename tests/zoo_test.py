"""Every PoseNet as it is found: architecture, multiplier, stride, and the form that the file has. Each is generated, run on
the CPU backend at a square and at another size, and its four heads are compared with ONNX Runtime's: the norm of the
difference over the norm of the reference, at most 1e-4 for each head.

The reference is ONNX Runtime on the same file. What it refuses (SAME_UPPER with dilation) gets the pads that TensorFlow
computes written out first, and counts as a file that only this engine runs. For TF.js it is the ONNX file of the same
weights, which are taken out of the shards here, by NumPy.

zoo_test.py                    what CI runs: every network in one form, two networks in every form
zoo_test.py --full             all of it
zoo_test.py --readme FILE      all of it, and the table between FILE's markers
"""
import json
import os
import subprocess
import sys

from command import POSENET, Checks, png, skip

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as error:
    skip('no %s' % error.name)

SIZES = ((257, 257), (385, 225))
LIMIT = 1e-4
HALF_LIMIT = 5e-3
NETWORKS = [('resnet50', '1.00')] + [('mobilenet_v1', m) for m in ('0.50', '0.75', '1.00', '1.01')]
STRIDES = (8, 16, 32)
FORMS = ('nchw', 'tf2onnx-nhwc', 'torch-bn', 'tfjs 4', 'tfjs 2', 'tfjs 1')
MARKERS = ('<!-- zoo: begin -->', '<!-- zoo: end -->')
HEADS = ('heatmaps', 'offsets', 'displacement_fwd', 'displacement_bwd')
BEGIN = {'heatmaps': 'heatmap', 'offsets': 'offset', 'displacement_fwd': 'fwd', 'displacement_bwd': 'bwd'}


def generate(network, multiplier, stride, form, path):
    arguments = ['generate', network, '--stride', str(stride)]
    if network == 'mobilenet_v1':
        arguments += ['--multiplier', multiplier]
    arguments += ['--quant-bytes', form[5:]] if form.startswith('tfjs') else ['--dialect', form]
    done = subprocess.run([POSENET] + arguments + [path], capture_output=True, text=True)
    if done.returncode:
        sys.exit('generate failed: ' + done.stderr)


def shard_weights(path):
    """Every tensor of a TF.js model, dequantised as TF.js does it."""
    manifest = json.load(open(path))['weightsManifest']
    weights = {}
    for group in manifest:
        data = b''.join(open(os.path.join(os.path.dirname(path), p), 'rb').read() for p in group['paths'])
        for entry in group['weights']:
            how = entry.get('quantization')
            kind = np.dtype(how['dtype'] if how else entry['dtype']).newbyteorder('<')
            count = int(np.prod(entry['shape']))
            values = np.frombuffer(data, kind, count)
            data = data[count * kind.itemsize:]
            if how:
                values = (values.astype(np.float64) * how['scale'] + how['min']).astype(np.float32)
            weights[entry['name']] = values.reshape(entry['shape'])
    return weights


def with_weights(model, weights):
    """The model with the initialisers of these names replaced; TensorFlow's layouts are turned into ONNX's."""
    replaced = 0
    for tensor in model.graph.initializer:
        if tensor.name not in weights:
            continue
        value = weights[tensor.name]
        if value.ndim == 4 and tensor.name.endswith('depthwise_weights'):
            value = value.transpose(2, 3, 0, 1).reshape(list(tensor.dims))
        elif value.ndim == 4:
            value = value.transpose(3, 2, 0, 1)
        assert list(value.shape) == list(tensor.dims), tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(value), tensor.name))
        replaced += 1
    assert replaced == len([t for t in model.graph.initializer if len(t.dims)]), 'a weight was not found'
    return model


def write_out_pads(model):
    """SAME_UPPER with dilation as explicit pads: stride 1, so they depend on no size."""
    for node in model.graph.node:
        attributes = {a.name: a for a in node.attribute}
        dilations = list(attributes['dilations'].ints) if 'dilations' in attributes else [1, 1]
        if 'auto_pad' not in attributes or dilations == [1, 1]:
            continue
        assert attributes['auto_pad'].s == b'SAME_UPPER' and list(attributes['strides'].ints) == [1, 1]
        reach = [(k - 1) * d for k, d in zip(attributes['kernel_shape'].ints, dilations)]
        node.attribute.remove(attributes['auto_pad'])
        node.attribute.append(onnx.helper.make_attribute('pads', [r // 2 for r in reach] + [r - r // 2 for r in reach]))
    return model


class Reference:
    """ONNX Runtime on one file; `refused` if it takes it only with pads written out."""

    def __init__(self, model, x):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 2
        self.refused = False
        self.session = None
        try:
            self.session = onnxruntime.InferenceSession(model.SerializeToString(), options)
            self.run(x)
        except Exception as error:
            assert 'SAME_UPPER' in str(error), error
            self.refused = True
            self.session = onnxruntime.InferenceSession(write_out_pads(model).SerializeToString(), options)

    def run(self, x):
        """The four heads, HWC, in the order of HEADS."""
        (entry,) = self.session.get_inputs()
        nhwc = entry.shape[3] == 3
        names = [o.name for o in self.session.get_outputs()]
        results = self.session.run(None, {entry.name: x if nhwc else x.transpose(0, 3, 1, 2)})
        results = [r[0] if nhwc else r[0].transpose(1, 2, 0) for r in results]
        return [next(r for n, r in zip(names, results) if BEGIN[head] in n) for head in HEADS]


def pixels(width, height):
    """Something to see: shapes, edges, noise."""
    random = np.random.default_rng(width * 10000 + height)
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 255 / width, y * 255 / height, 128 + 60 * np.sin(x / 9) * np.cos(y / 13)], axis=2)
    for _ in range(40):
        left, top = random.integers(0, width), random.integers(0, height)
        picture[top:top + random.integers(5, 60), left:left + random.integers(5, 60)] = random.uniform(0, 255, 3)
    return np.clip(picture + random.normal(0, 8, picture.shape), 0, 255).astype(np.uint8)


def normalised(network, picture):
    if network == 'resnet50':
        return (picture.astype(np.float32) - np.array([123.15, 115.90, 103.06], np.float32))[None]
    return (picture.astype(np.float32) / np.float32(127.5) - np.float32(1))[None]


def engine_heads(model, size, image, *options):
    folder = 'heads'
    done = subprocess.run([POSENET, 'run', '--model', model, '--device', 'cpu', '--size', '%dx%d' % size, '--quiet',
                           '--json', 'poses.json', '--heads-out', folder, *options, image], capture_output=True, text=True)
    if done.returncode or done.stderr:
        return None, done.stderr
    return [np.load(os.path.join(folder, head + '.npy')) for head in HEADS], None


def try_one(check, network, multiplier, stride, form, pictures):
    """One row: the worst error over sizes and heads, people found, and whether ONNX Runtime refused the file."""
    tfjs = form.startswith('tfjs')
    path = os.path.abspath('model.json' if tfjs else 'model.onnx')
    generate(network, multiplier, stride, form, path)
    if tfjs:
        generate(network, multiplier, stride, 'nchw', 'weights.onnx')
        model = with_weights(onnx.load('weights.onnx'), shard_weights(path))
    else:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
    row = {'network': network, 'multiplier': multiplier, 'stride': stride, 'form': form, 'worst': 0.0, 'people': 0}
    name = '%s %s stride %d %s' % (network, multiplier, stride, form)
    reference = None
    for size, (image, picture) in pictures.items():
        x = normalised(network, picture)
        reference = reference or Reference(model, x)
        got, complaint = engine_heads(path, size, image)
        if got is None:
            check(False, '%s at %dx%d: %s' % (name, *size, complaint))
            row['worst'] = float('inf')
            continue
        for head, a, b in zip(HEADS, got, reference.run(x)):
            error = float(np.linalg.norm(a - b) / np.linalg.norm(b)) if a.shape == b.shape else float('inf')
            check(error <= LIMIT, '%s at %dx%d: %s is off by %g (%s, %s)' % (name, *size, head, error, a.shape, b.shape))
            row['worst'] = max(row['worst'], error)
        row['people'] += len(json.load(open('poses.json'))['poses'])
    check(row['people'] > 0, '%s: nobody was decoded, so the decoder saw nothing' % name)
    row['refused'] = reference.refused and not tfjs
    print('%-48s worst %.1e  people %d%s' % (name, row['worst'], row['people'], '  only here' if row['refused'] else ''),
          flush=True)
    return row


def extremes(check):
    """The ends of what is legal, and a video's size, on the smallest network."""
    generate('mobilenet_v1', '0.50', 16, 'nchw', 'model.onnx')
    reference = None
    for size in ((33, 33), (2049, 33), (33, 2049), (1281, 721)):
        picture = pixels(*size)
        image = png('extreme.png', *size, lambda x, y: [int(v) for v in picture[y, x]])
        x = normalised('mobilenet_v1', picture)
        reference = reference or Reference(onnx.load('model.onnx'), x)
        got, complaint = engine_heads('model.onnx', size, image)
        check(got is not None, '%dx%d: %s' % (*size, complaint))
        for head, a, b in zip(HEADS, got or [], reference.run(x)):
            error = float(np.linalg.norm(a - b) / np.linalg.norm(b)) if a.shape == b.shape else float('inf')
            check(error <= LIMIT, '%dx%d: %s is off by %g' % (*size, head, error))


def variants(check):
    """One network as exporters vary it: whatever is in the graph or not, the heads are those of the plain file."""
    picture = pixels(*SIZES[1])
    image = png('variant.png', *SIZES[1], lambda x, y: [int(v) for v in picture[y, x]])
    for network, opset in (('resnet50', '12'), ('mobilenet_v1', '8')):
        def heads(*arguments, names=()):
            made = subprocess.run([POSENET, 'generate', network, *arguments, 'model.onnx'], capture_output=True, text=True)
            got, complaint = engine_heads('model.onnx', SIZES[1], image, *names) if not made.returncode else (None, made.stderr)
            check(got is not None, '%s %s: %s' % (network, arguments, complaint))
            return got or [np.zeros(1)] * 4
        plain = heads()
        nameless = ('--heads', 'heatmap=output_0,offset=output_1,fwd=output_2,bwd=output_3')
        for arguments, names in ((('--opset', opset), ()), (('--scale-input',), ()), (('--sigmoid',), ()),
                                 (('--nameless',), nameless),
                                 (('--dialect', 'tf2onnx-nhwc', '--scale-input', '--sigmoid', '--nameless'), nameless)):
            got = heads(*arguments, names=names)
            want = list(plain)
            if '--sigmoid' in arguments:
                want[0] = 1 / (1 + np.exp(-want[0]))
            for head, a, b in zip(HEADS, got, want):
                error = float(np.linalg.norm(a - b) / np.linalg.norm(b)) if a.shape == b.shape else float('inf')
                check(error <= LIMIT, '%s %s: %s is off by %g' % (network, arguments, head, error))


def half_precision(check):
    """What tells a right fp16 engine from a wrong one: rounding the weights to fp16 hardly moves the heads."""
    picture = pixels(*SIZES[0])
    for network, multiplier in (('resnet50', '1.00'), ('mobilenet_v1', '0.50')):
        generate(network, multiplier, 32, 'nchw', 'model.onnx')
        exact, rounded = onnx.load('model.onnx'), onnx.load('model.onnx')
        for tensor in rounded.graph.initializer:
            half = onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(onnx.numpy_helper.from_array(half.astype(np.float32), tensor.name))
        x = normalised(network, picture)
        for head, a, b in zip(HEADS, Reference(rounded, x).run(x), Reference(exact, x).run(x)):
            error = float(np.linalg.norm(a - b) / np.linalg.norm(b))
            check(error <= HALF_LIMIT, '%s with weights in fp16: %s is off by %g' % (network, head, error))


def chosen(full):
    rows = [(n, m, s, f) for n, m in NETWORKS for s in STRIDES for f in FORMS]
    if full:
        return rows
    whole = [('mobilenet_v1', '0.75', 8)]
    each = {(n, m, s): i for i, (n, m, s) in enumerate((n, m, s) for n, m in NETWORKS for s in STRIDES)}
    return [r for r in rows if r[:3] in whole or r[3] == FORMS[each[r[:3]] % len(FORMS)]]


def table(rows):
    """Markdown: a line a network and stride, a column a form, the worst relative error in each."""
    lines = ['| network | stride | ' + ' | '.join(FORMS) + ' |', '|---|---|' + '---|' * len(FORMS)]
    for network, multiplier in NETWORKS:
        for stride in STRIDES:
            cells = []
            for form in FORMS:
                row = next(r for r in rows if (r['network'], r['multiplier'], r['stride'], r['form']) ==
                           (network, multiplier, stride, form))
                cells.append('%.0e%s' % (row['worst'], ' *' if row['refused'] else ''))
            title = 'ResNet50' if network == 'resnet50' else 'MobileNetV1 ' + multiplier
            lines.append('| %s | %d | %s |' % (title, stride, ' | '.join(cells)))
    refused = sum(r['refused'] for r in rows)
    lines += ['', 'Worst relative error of a head against ONNX Runtime %s on the CPU, at %s; limit %.0e. Of %d files, %d (*) '
              'are refused by ONNX Runtime as they are (SAME padding with dilation) and run only here.' %
              (onnxruntime.__version__, ' and '.join('%dx%d' % s for s in SIZES), LIMIT, len(rows), refused)]
    return '\n'.join(lines)


def put_table(path, text):
    readme = open(path).read()
    if MARKERS[0] not in readme or MARKERS[1] not in readme:
        sys.exit('%s lacks the markers %s and %s' % ((path,) + MARKERS))
    before, rest = readme.split(MARKERS[0], 1)
    after = rest.split(MARKERS[1], 1)[1]
    with open(path, 'w') as f:
        f.write(before + MARKERS[0] + '\n' + text + '\n' + MARKERS[1] + after)


def main():
    readme = os.path.abspath(sys.argv[sys.argv.index('--readme') + 1]) if '--readme' in sys.argv else None
    with Checks() as check:
        extremes(check)
        variants(check)
        half_precision(check)
        pictures = {}
        for size in SIZES:
            picture = pixels(*size)
            image = png('picture_%dx%d.png' % size, *size, lambda x, y, p=picture: [int(v) for v in p[y, x]])
            pictures[size] = (image, picture)
        rows = [try_one(check, *row, pictures) for row in chosen(readme or '--full' in sys.argv)]
        if readme or '--full' in sys.argv:
            print(table(rows))
        if readme:
            put_table(readme, table(rows))


main()
