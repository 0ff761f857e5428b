"""PoseNets as tf2onnx, PyTorch and keras2onnx write them (tests/dialects.py): the four heads of posenet against ONNX
Runtime's, on ref and on cpu, at several sizes; and what their nodes come down to."""
import collections
import json
import os
import tempfile

from command import png, run, skip

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as missing:
    skip(str(missing))

import dialects

FILES = ('heatmaps', 'offsets', 'displacement_fwd', 'displacement_bwd')
LIMIT = 2e-5    # of the largest value: single precision, summed in another order

# What is tried: the dialect, opsets, input sizes (None: the file's own), and the steps it must come down to.
CASES = (
    (dialects.tf2onnx, (8, 11, 13, 18), ((65, 97), (97, 65)), {'binary': 2, 'conv': 7, 'max_pool': 1}),
    (dialects.tf2onnx_sizes, (11, 13, 17), ((65, 97), (33, 49)),
     {'binary': 3, 'conv': 4, 'resize': 1, 'concat': 1, 'permute': 2, 'copy': 2}),
    (dialects.whole_pixels, (12, 13), ((65, 97), (97, 65)), {'binary': 2, 'conv': 3, 'slice': 1}),
    (dialects.unoptimized, (8, 13), ((65, 97), (81, 49)), {'binary': 3, 'conv': 10}),
    (dialects.pytorch, (9, 11, 17, 21, 24), ((65, 97), (97, 65)), {'binary': 2, 'conv': 9, 'max_pool': 1}),
    (dialects.pytorch_upsample, (13, 17), ((65, 97),),
     {'binary': 3, 'conv': 4, 'resize': 2, 'slice': 5, 'activate': 1}),
    (dialects.keras2onnx, (8, 10, 12), ((65, 97), (81, 49)), {'binary': 2, 'conv': 5, 'max_pool': 1, 'pad': 1}),
    (dialects.one_sided, (11, 13), (None,), {'binary': 1, 'conv': 5, 'max_pool': 2, 'pad': 2}),
    (dialects.preactivation, (9, 13), ((65, 97),), {'binary': 15, 'conv': 5, 'unary': 1}),
    (dialects.half_weights, (13,), ((65, 97),), {'binary': 2, 'conv': 3}),
    (dialects.dilated, (9, 13), ((65, 97), (121, 73)), {'binary': 2, 'conv': 17}),
    (dialects.upsample, (8, 9), (None,), {'binary': 2, 'conv': 4, 'resize': 1, 'slice': 2, 'concat': 1}),
)
# What ONNX Runtime computes instead where it refuses the dialect.
REFERENCES = {dialects.dilated: dialects.dilated_explicit}


def expected(path, pixels):
    """ONNX Runtime's heads as (H, W, C), in the order of FILES."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    nhwc = session.get_inputs()[0].shape[3] == 3
    x = pixels[None] if 'uint8' in session.get_inputs()[0].type else pixels[None].astype(np.float32)
    names = [o.name for o in session.get_outputs()]
    got = dict(zip(names, session.run(names, {'image': x if nhwc else x.transpose(0, 3, 1, 2)})))
    heads = []
    for name, channels in dialects.HEADS:
        y = got[name][0]
        heads.append(y if y.shape[-1] == channels else y.transpose(1, 2, 0))
    return heads


def fixed_size(model):
    dims = [d.dim_value for d in onnx.load(model).graph.input[0].type.tensor_type.shape.dim]
    return dims[3], dims[2]


def write_picture(path, width, height):
    """A random picture and its pixels."""
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    png(path, width, height, lambda x, y: pixels[y, x].tolist())
    return pixels


def trial(folder, model, reference, size, device):
    """A sentence on what is wrong, or None."""
    picture = os.path.join(folder, 'picture.png')
    pixels = write_picture(picture, *(size or fixed_size(model)))
    arguments = ['--size', '%dx%d' % size] if size else []
    r = run('run', '--model', model, '--device', device, '--normalize', 'none', '--heads-out', folder, '--quiet',
            '--json', os.devnull, *arguments, picture)
    if r.returncode:
        return 'exit %d: %s' % (r.returncode, r.stderr.strip())
    for name, want in zip(FILES, expected(reference, pixels)):
        got = np.load(os.path.join(folder, name + '.npy'))
        if got.shape != want.shape:
            return '%s has shape %s, not %s' % (name, got.shape, want.shape)
        # A head of one value everywhere would hide that it does not depend on the picture.
        if want.std() < 1e-3 * np.abs(want).max():
            return '%s: the test model computes a constant' % name
        worst = np.abs(got - want).max() / np.abs(want).max()
        if not worst <= LIMIT:
            return '%s is off by %.1e of its largest value' % (name, worst)
    return None


def count_steps(model, size):
    """How many steps of each operation the plan has, the first and the last left out."""
    arguments = ['--size', '%dx%d' % size] if size else []
    r = run('inspect', model, '--json', '-', *arguments)
    if r.returncode:
        return r.stderr
    return dict(collections.Counter(s['op'] for s in json.loads(r.stdout)['steps'] if s['op'] not in ('preprocess', 'decode')))


def main():
    failed = done = 0
    with tempfile.TemporaryDirectory(prefix='posenet-dialects-') as folder:
        for dialect, opsets, sizes, steps in CASES:
            for opset in opsets:
                model, reference = (os.path.join(folder, name) for name in ('model.onnx', 'reference.onnx'))
                for path, make in ((model, dialect), (reference, REFERENCES.get(dialect, dialect))):
                    made = make(opset, opset)
                    onnx.checker.check_model(made)
                    onnx.save(made, path)
                got = count_steps(model, sizes[0])
                done += 1
                if got != steps:
                    failed += 1
                    print('FAILED: %s, opset %d: steps are %s, not %s' % (dialect.__name__, opset, got, steps))
                for size in sizes:
                    for device in ('ref', 'cpu'):
                        wrong = trial(folder, model, reference, size, device)
                        done += 1
                        failed += wrong is not None
                        if wrong:
                            print('FAILED: %s, opset %d, %s, %s: %s' % (dialect.__name__, opset, size, device, wrong))
    print('%d trials, %d failed' % (done, failed))
    return 1 if failed or not done else 0


if __name__ == '__main__':
    raise SystemExit(main())
