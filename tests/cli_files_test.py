"""Where `posenet` reads and writes: names of several outputs, inputs that must survive, pipes, closed streams, full disks."""
import json
import os
import resource
import signal
import subprocess

from command import POSENET, Checks, model, png, run, skip

MODEL = model()
if not MODEL:
    skip('no model: set POSENET_MODELS')


def small_files():
    """For a child: no file may grow beyond 1000 bytes, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def closing(*descriptors):
    """For a child: it starts with these streams closed."""
    return lambda: [os.close(d) for d in descriptors]


with Checks() as check:
    base = ('--model', MODEL, '--device', 'cpu', '--size', '65x65')
    for folder in ('a', 'b', 'c'):
        os.mkdir(folder)
    x = [png(path, 20, 20) for path in ('a/x.png', 'b/x.png', 'c/x.png', 'x-2.png')]

    # ---- several outputs: each picture has one of its own
    for order in (x, x[::-1], [x[0], x[3], x[1], x[2]]):
        out = 'out%d' % len(os.listdir('.'))
        check.good('run', *base, '--annotate', out, '--heads-out', out, *order)
        check(sorted(os.listdir(out)) == ['x', 'x-2', 'x-2.png', 'x-3', 'x-3.png', 'x-4', 'x-4.png', 'x.png'],
              '%s: %s' % (order, os.listdir(out)))

    # ---- nothing that is read is overwritten
    here = png('x.png', 30, 30)
    for order in (('a/x.png', here), (here, 'a/x.png')):
        before = open(here, 'rb').read()
        r = run('run', *base, '--annotate', '.', *order)
        check(r.returncode == 2 and 'would overwrite the input x.png' in r.stderr and open(here, 'rb').read() == before,
              'another picture: %r' % (r,))
    os.rename(png('plain.png', 20, 20), 'plain')
    check.bad('would overwrite', 'run', *base, '--json', 'plain', 'plain')
    with open(MODEL, 'rb') as f, open('own.onnx', 'wb') as own:
        own.write(f.read())
    os.link('own.onnx', 'linked')
    for target in ('own.onnx', 'linked'):
        check.bad('would overwrite', 'run', '--model', 'own.onnx', '--json', target, here)
        check.bad('would overwrite', 'inspect', 'own.onnx', '--json', target)
    check(open('own.onnx', 'rb').read() == open(MODEL, 'rb').read(), 'the model survives')

    # ---- a file that cannot be written whole is not left behind
    for option, name in (('--json', 'half.json'), ('--annotate', 'half.png'), ('--annotate', 'half.jpg'), ('--heads-out', 'half')):
        noise = png('noise.png', 99, 99, lambda x, y: (x * x * y % 251, x * y * 7 % 255, (x + y * y) % 253))
        check.bad('cannot be written: file too large', 'run', *base, '--single', option, name, noise, preexec_fn=small_files)
        check(not os.path.isfile(name) and (option != '--heads-out' or os.listdir(name) == []), 'half of ' + name)
    check.bad('no space left', 'run', *base, '--json', '/dev/full', here)
    check(os.path.exists('/dev/full'), 'a device stays')

    # ---- streams
    with open(here, 'rb') as f:
        bytes_in = f.read()
    r = subprocess.run([POSENET, 'run', *base, '--json', '-', '-'], input=bytes_in, capture_output=True)
    check(r.returncode == 0 and json.loads(r.stdout)['image'] == '-' and json.loads(r.stdout)['width'] == 30, 'stdin: %r' % (r,))
    r = subprocess.run([POSENET, 'validate', MODEL, '--size', '65x65', '--image', '-'], input=bytes_in, capture_output=True)
    check(r.returncode == 0, 'validate from stdin: %r' % (r,))
    check.bad('-: is empty', 'run', *base, '-')
    check.bad('without a name', 'run', *base, '')
    for closed in ((0,), (0, 1), (1,), (2,), (0, 1, 2)):
        r = subprocess.run([POSENET, 'run', *base, '--json', 'closed.json', '--annotate', 'closed.png', here],
                           preexec_fn=closing(*closed))
        check(r.returncode == 0 and json.load(open('closed.json'))['image'] == here, 'closed %s: %r' % (closed, r))
        check(open('closed.png', 'rb').read(4) == b'\x89PNG', 'the picture, closed %s' % (closed,))
    r = subprocess.run([POSENET, 'run', *base, '--json', '-', here], preexec_fn=closing(1), stderr=subprocess.PIPE, text=True)
    check(r.returncode == 2 and 'standard output' in r.stderr, 'closed stdout: %r' % (r,))
    r = subprocess.run([POSENET, 'run', *base, '-'], preexec_fn=closing(0), stderr=subprocess.PIPE, text=True)
    check(r.returncode == 2 and '-: cannot be read' in r.stderr, 'closed stdin: %r' % (r,))

    # ---- one bad picture is one line, also where the size has to be said
    check.bad('missing.png', 'run', *base, '--size', '40x40', 'missing.png')
    for command in ('inspect', 'validate'):
        check.good(command, MODEL, '--size', '40x40', stderr='size 40x40 became 33x33')

    # ---- TF.js shards have fixed names: another model's are not taken
    generate = ('generate', 'mobilenet_v1', '--multiplier', '0.5')
    for seed in ('1', '2'):
        check.good(*generate, '--seed', seed, 'model.json')
    check.bad('belongs to another model', *generate, 'other.json')
    check(not os.path.exists('other.json'), 'no second model')

    # ---- outputs whose names do not tell, for every command that reads a model
    check.good(*generate, '--nameless', 'nameless.onnx')
    heads = ('--heads', 'fwd=output_2,bwd=output_3')
    for command in (('run', here, '--model', 'nameless.onnx'), ('inspect', 'nameless.onnx'), ('validate', 'nameless.onnx')):
        check.bad('--heads', *command, '--size', '65x65')
        check.good(*command, '--size', '65x65', *heads)
    check.bad('--heads', 'convert', 'nameless.onnx', 'named.onnx')
    check.good('convert', 'nameless.onnx', 'named.onnx', *heads)
    check.good('inspect', 'named.onnx', '--size', '65x65')
