"""`posenet convert`: what it writes is valid ONNX of any opset, gives Google's heads in ONNX Runtime, gives the golden poses
here, and is there whole or not at all. The same for models of this project's own making."""
import os
import signal
import subprocess
import sys

from command import POSENET, Checks, models, run, shared, skip

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as error:
    skip('no %s' % error.name)

onnxruntime.set_default_logger_severity(3)
NAMES = ['heatmaps', 'offsets', 'displacement_fwd', 'displacement_bwd']
CHANNELS = [17, 34, 32, 32]


def check_file(check, path, opset=13):
    """Valid, NCHW, any size, the four heads and nothing else."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    check(model.opset_import[0].version == opset, '%s: opset %d' % (path, model.opset_import[0].version))
    initializers = {t.name for t in model.graph.initializer}
    dims = lambda v: [d.dim_value or d.dim_param for d in v.type.tensor_type.shape.dim]
    inputs = [v for v in model.graph.input if v.name not in initializers]
    check([(v.name, dims(v)) for v in inputs] == [('image', ['batch', 3, 'height', 'width'])], '%s: inputs' % path)
    check([v.name for v in model.graph.output] == NAMES, '%s: outputs' % path)
    check([dims(v)[1] for v in model.graph.output] == CHANNELS, '%s: channels' % path)
    operators = {n.op_type for n in model.graph.node}
    check(not operators & {'Transpose', 'Identity', 'BatchNormalization', 'Shape'}, '%s: %s' % (path, operators))
    return model


def heads(path, x):
    return onnxruntime.InferenceSession(path).run(NAMES, {'image': x})


def worst(a, b):
    return max(float(np.linalg.norm(p - q) / np.linalg.norm(q)) for p, q in zip(a, b))


def google_heads(check, path):
    """Google's raw tensors, HWC; its heatmaps are scores, and its input is pixels."""
    folder = os.path.join(shared(), 'golden', 'heads')
    names = sorted({n.split('.')[0] for n in os.listdir(folder)})
    check(len(names) >= 2, 'golden heads')
    for name in names:
        read = lambda what, c: np.fromfile(os.path.join(folder, '%s.257.%s.f32' % (name, what)), '<f4').reshape(1, -1, c)
        x = (read('input', 3) / np.float32(127.5) - 1).reshape(1, 257, 257, 3).transpose(0, 3, 1, 2)
        got = [h.transpose(0, 2, 3, 1).reshape(1, -1, c) for h, c in zip(heads(path, x), CHANNELS)]
        got[0] = 1 / (1 + np.exp(-got[0].astype(np.float64)))
        error = worst(got, [read(n, c) for n, c in zip(NAMES, CHANNELS)])
        check(error < 1e-4, '%s on %s: off by %g from Google' % (path, name, error))


def golden_poses(check, path, device, wanted):
    """Poses on the golden pictures and sizes, by compare_poses.py's default limits."""
    golden = os.path.join(shared(), 'golden', 'onnxruntime')
    folder = '%s_%s' % (os.path.basename(path), device)
    os.makedirs(folder)
    for name in wanted or sorted(os.listdir(golden)):
        image, size = name[:-len('.json')].rsplit('.', 1)
        check.good('run', '--model', path, '--device', device, '--size', size, '--max-poses', '10', '--quiet', '--json',
                   os.path.join(folder, name), os.path.join(shared(), 'images', image + '.jpg'))
        compared = subprocess.run([sys.executable, os.path.join(shared(), 'tools', 'compare_poses.py'),
                                   os.path.join(folder, name), os.path.join(golden, name)], capture_output=True, text=True)
        check(compared.returncode == 0, '%s on %s: %s' % (path, device, compared.stdout))


def real_models(check):
    folder = models()
    tfjs = os.path.join(folder, 'tfjs_posenet_mobilenet_v1_075_stride16', 'model-stride16.json')
    onnx_file = os.path.join(folder, 'posenet_mobilenet_v1_075_stride16.onnx')
    bodypix = os.path.join(folder, 'bodypix_mobilenet_v1_050_stride16.onnx')
    x = np.random.default_rng(3).uniform(-1, 1, (2, 3, 193, 257)).astype(np.float32)
    check.good('convert', tfjs, 'tfjs.onnx')
    check.good('convert', onnx_file, 'onnx.onnx')
    check.good('convert', 'tfjs.onnx', 'again.onnx')
    check.good('convert', bodypix, 'bodypix.onnx')
    check_file(check, 'tfjs.onnx')
    check_file(check, 'onnx.onnx')
    check(open('tfjs.onnx', 'rb').read() == open('again.onnx', 'rb').read(), 'a converted file converts to itself')
    check(worst(heads('tfjs.onnx', x), heads(onnx_file, x)) == 0, 'TF.js and ONNX are one network')
    check(worst(heads('onnx.onnx', x), heads(onnx_file, x)) < 1e-6, 'the cleaned file computes the same')
    google_heads(check, 'tfjs.onnx')

    # BodyPix: eight outputs, NHWC, opset 8, one fixed size
    model = onnx.load(bodypix)
    onnx.checker.check_model(onnx.load('bodypix.onnx'), full_check=True)
    known = {t.name for t in model.graph.initializer}
    entry = next(i for i in model.graph.input if i.name not in known)
    size = [d.dim_value for d in entry.type.tensor_type.shape.dim]
    size = [1, size[1] or 257, size[2] or 257, 3]
    picture = np.random.default_rng(4).uniform(-1, 1, size).astype(np.float32)
    want = onnxruntime.InferenceSession(bodypix).run(
        ['heatmaps', 'short_offsets', 'displacement_fwd', 'displacement_bwd'], {entry.name: picture})
    session = onnxruntime.InferenceSession('bodypix.onnx')
    nhwc = session.get_inputs()[0].shape[-1] == 3
    got = session.run(NAMES, {'image': picture if nhwc else picture.transpose(0, 3, 1, 2)})
    if got[1].shape != want[1].shape:
        got = [g.transpose(0, 2, 3, 1) for g in got]
    check(worst(got, want) < 1e-5, 'BodyPix: the four heads of PoseNet, short offsets among them')

    for path in (tfjs, 'tfjs.onnx'):
        golden_poses(check, path, 'cpu', None)
        golden_poses(check, path, 'ref', ['three_people.257x257.json'])


def made_models(check):
    x = np.random.default_rng(5).uniform(-1, 1, (1, 3, 97, 65)).astype(np.float32)
    small = ('mobilenet_v1', '--multiplier', '0.50')
    check.good('generate', *small, 'plain.onnx')
    want = heads('plain.onnx', x)
    for dialect in ('tf2onnx-nhwc', 'torch-bn'):
        check.good('generate', *small, '--dialect', dialect, 'other.onnx')
        check.good('convert', 'other.onnx', 'clean.onnx')
        check_file(check, 'clean.onnx')
        check(worst(heads('clean.onnx', x), want) < 1e-6, dialect + ' converts to the same network')
    for opset in (8, 9, 10, 11, 12, 13, 15, 17, 18, 21):
        check.good('generate', *small, '--opset', str(opset), 'other.onnx')
        onnx.checker.check_model(onnx.load('other.onnx'), full_check=True)
        check(worst(heads('other.onnx', x), want) < 1e-6, 'opset %d computes the same' % opset)
        check.good('convert', '--opset', str(opset), 'other.onnx', 'clean.onnx')
        check_file(check, 'clean.onnx', opset)
    # Stride 8 is SAME with dilation, which ONNX Runtime refuses until it is converted.
    check.good('generate', *small, '--stride', '8', 'other.onnx')
    check.good('convert', 'other.onnx', 'clean.onnx')
    check(heads('clean.onnx', x)[0].shape == (1, 17, 13, 9), 'stride 8 runs in ONNX Runtime')
    check.good('generate', *small, '--sigmoid', '--scale-input', 'other.onnx')
    check.good('convert', 'other.onnx', 'clean.onnx')
    pixels = (x + 1) * np.float32(127.5)
    scores = heads('clean.onnx', pixels)
    check(worst([scores[0]], [1 / (1 + np.exp(-want[0]))]) < 1e-4 and worst(scores[1:], want[1:]) < 1e-4,
          'scaling and sigmoid stay in the graph')
    check.good('generate', *small, '--nameless', 'other.onnx')
    check.bad('other.onnx', 'convert', 'other.onnx', 'clean.onnx')      # forward and backward cannot be told apart


def refusals(check):
    before = open('plain.onnx', 'rb').read()
    check.bad('IN and OUT.onnx', 'convert', 'plain.onnx')
    check.bad('must end in .onnx', 'convert', 'plain.onnx', 'out.pb')
    check.bad('absent.onnx', 'convert', 'absent.onnx', 'out.onnx')
    check.bad('No such file', 'convert', 'plain.onnx', 'no/folder/out.onnx')
    check.bad('--opset', 'convert', '--opset', '7', 'plain.onnx', 'out.onnx')
    open('broken.onnx', 'wb').write(before[:len(before) // 2])
    open('kept.onnx', 'wb').write(b'precious')
    check.bad('broken.onnx', 'convert', 'broken.onnx', 'kept.onnx')
    check(open('kept.onnx', 'rb').read() == b'precious', 'what was there stays where conversion fails')
    os.mkdir('folder.onnx')
    check.bad('no regular file', 'convert', 'plain.onnx', 'folder.onnx')
    check(not [n for n in os.listdir('.') if n.endswith('.part')], 'no temporary files are left')
    check.good('convert', 'plain.onnx', 'plain.onnx')       # onto itself
    check(worst(heads('plain.onnx', np.ones((1, 3, 33, 33), np.float32)),
                heads('plain.onnx', np.ones((1, 3, 33, 33), np.float32))) == 0, 'and it still loads')
    full = subprocess.run('ulimit -f 100; exec "%s" convert plain.onnx limited.onnx' % POSENET, shell=True,
                          capture_output=True, text=True, preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
    check(full.returncode == 2 and 'limited.onnx: cannot be written' in full.stderr and not os.path.exists('limited.onnx'),
          'a disk that is full: exit %d, %s' % (full.returncode, full.stderr))
    check(not [n for n in os.listdir('.') if n.endswith('.part')], 'no temporary files are left then either')
    check.bad('resnet50 or mobilenet_v1', 'generate', 'vgg16', 'x.onnx')
    check.bad('must end in', 'generate', 'resnet50', 'x.pb')
    check.bad('are for ONNX', 'generate', 'resnet50', '--opset', '12', 'x.json')
    check.bad('is for TF.js', 'generate', 'resnet50', '--quant-bytes', '2', 'x.onnx')
    check.bad('1, 2 or 4', 'generate', 'mobilenet_v1', '--quant-bytes', '3', 'x.json')
    check.bad('none of 8, 16 and 32', 'generate', 'mobilenet_v1', '--stride', '24', 'x.onnx')
    check.bad('none of 0.50', 'generate', 'mobilenet_v1', '--multiplier', '0.6', 'x.onnx')


with Checks() as check:
    made_models(check)
    refusals(check)
    if models() and shared():
        real_models(check)
    else:
        print('no models or no golden data: set POSENET_MODELS and POSENET_SHARED')
        if not check.failed:
            skip('only models of our own making were converted')
