"""PoseNets as tf2onnx, PyTorch and keras2onnx write them (tests/dialects.py): the four heads of posenet against ONNX
Runtime's, on ref and on cpu, at several sizes."""
import os
import tempfile

import numpy as np

from command import png, run, skip

try:
    import onnx
    import onnxruntime
except ImportError as missing:
    skip(str(missing))

import dialects

FILES = ('heatmaps', 'offsets', 'displacement_fwd', 'displacement_bwd')
LIMIT = 2e-5    # of the largest value: single precision, summed in another order

# What is tried: the dialect, opsets, input sizes (None: the file's own).
CASES = (
    (dialects.tf2onnx, (8, 11, 13, 18), ((65, 97), (97, 65))),
    (dialects.tf2onnx_sizes, (11, 13, 17), ((65, 97), (33, 49))),
    (dialects.pytorch, (9, 11, 17, 21), ((65, 97), (97, 65))),
    (dialects.pytorch_upsample, (13, 17), ((65, 97),)),
    (dialects.keras2onnx, (8, 10, 12), ((65, 97), (81, 49))),
    (dialects.one_sided, (11, 13), (None,)),
    (dialects.preactivation, (9, 13), ((65, 97),)),
    (dialects.half_weights, (13,), ((65, 97),)),
    (dialects.dilated, (9, 13), ((65, 97), (121, 73))),
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
    x = pixels[None].astype(np.float32)
    names = [o.name for o in session.get_outputs()]
    got = dict(zip(names, session.run(names, {'image': x if nhwc else x.transpose(0, 3, 1, 2)})))
    heads = []
    for name, channels in dialects.HEADS:
        y = got[name][0]
        heads.append(y if y.shape[-1] == channels else y.transpose(1, 2, 0))
    return heads


def write_picture(path, width, height):
    """A random picture and its pixels."""
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    png(path, width, height, lambda x, y: pixels[y, x].tolist())
    return pixels


def trial(folder, model, reference, size, device):
    """A sentence on what is wrong, or None."""
    picture = os.path.join(folder, 'picture.png')
    pixels = write_picture(picture, *(size or (80, 64)))
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


def main():
    failed = done = 0
    with tempfile.TemporaryDirectory(prefix='posenet-dialects-') as folder:
        for dialect, opsets, sizes in CASES:
            for opset in opsets:
                model, reference = (os.path.join(folder, name) for name in ('model.onnx', 'reference.onnx'))
                for path, make in ((model, dialect), (reference, REFERENCES.get(dialect, dialect))):
                    made = make(opset, opset)
                    onnx.checker.check_model(made)
                    onnx.save(made, path)
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
