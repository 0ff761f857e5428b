"""`posenet run`, inspect and validate on a model: what is written where, for one and several pictures."""
import json
import math
import os
import struct
import subprocess

from command import POSENET, Checks, model, png, run, skip

MODEL = model()
if not MODEL:
    skip('no model: set POSENET_MODELS')
PARTS = ['nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder', 'left_elbow',
         'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle',
         'right_ankle']


def npy(path):
    """Shape and values of a float32 .npy."""
    with open(path, 'rb') as f:
        data = f.read()
    assert data[:8] == b'\x93NUMPY\x01\x00'
    length = struct.unpack('<H', data[8:10])[0]
    header = eval(data[10:10 + length])
    assert header['descr'] == '<f4' and not header['fortran_order'] and (10 + length) % 64 == 0
    count = (len(data) - 10 - length) // 4
    return header['shape'], struct.unpack('<%df' % count, data[10 + length:])


def check_object(check, entry, image, width, height, sides, most):
    check(list(entry) == ['image', 'width', 'height', 'input', 'poses'], 'fields %s' % list(entry))
    check(entry['image'] == image and (entry['width'], entry['height']) == (width, height), 'image %s' % image)
    check(entry['input'] == {'width': sides[0], 'height': sides[1]}, 'input %s' % entry['input'])
    check(len(entry['poses']) <= most, 'at most %d poses' % most)
    for pose in entry['poses']:
        check(list(pose) == ['score', 'keypoints'] and [k['name'] for k in pose['keypoints']] == PARTS, 'parts')
        numbers = [pose['score']] + [k[f] for k in pose['keypoints'] for f in ('x', 'y', 'score')]
        check(all(isinstance(n, float) and math.isfinite(n) for n in numbers), 'finite numbers')


def decimals(text):
    return min(len(number.split('.')[1]) for number in
               [part.split(',')[0].rstrip('}]') for part in text.split('"score":')[1:]])


with Checks() as check:
    base = ('--model', MODEL, '--device', 'cpu', '--size', '257x257')
    figure = os.path.join(os.getcwd(), 'figure one.png')
    png(figure, 96, 64, lambda x, y: (200, 60, 40) if abs(x - 48) < 8 and 8 < y < 60 else (90 + y, 120, 130 + x % 3))
    other = png('other.png', 33, 70)

    # ---- one picture
    text = check.good('run', *base, '--json', '-', figure).stdout
    check_object(check, json.loads(text), figure, 96, 64, (257, 257), 5)
    text = check.good('run', *base, '--json', '-', '--single', figure).stdout
    entry = json.loads(text)
    check(len(entry['poses']) == 1 and decimals(text) >= 4, 'exactly one pose, 4 decimals')
    mean = sum(k['score'] for k in entry['poses'][0]['keypoints']) / 17
    check(abs(mean - entry['poses'][0]['score']) < 1e-4, 'the mean of the 17')
    flipped = json.loads(check.good('run', *base, '--json', '-', '--single', '--flip', figure).stdout)
    for a, b in zip(entry['poses'][0]['keypoints'], flipped['poses'][0]['keypoints']):
        check(abs(95 - a['x'] - b['x']) < 1e-3 and abs(a['y'] - b['y']) < 1e-3, 'flip: %s %s' % (a, b))
    check.good('run', *base, '--json', 'out.json', '--single', figure)
    with open('out.json') as f:
        check(f.read() == text, 'a file holds what stdout would')
    check.good('run', *base, '--single', '--json', '-', '--max-poses', '1', '--nms-radius=0.5', '--score-threshold', '0',
               '--', figure)
    poses = json.loads(check.good('run', *base, '--json', '-', '--score-threshold', '0', '--max-poses', '256', '--nms-radius',
                                  '1', figure).stdout)['poses']
    check(5 < len(poses) <= 256, '%d poses at threshold 0' % len(poses))
    scores = json.loads(check.good('run', *base, '--json', '-', '--score-threshold', '1', figure).stdout)
    check(scores['poses'] == [], 'no pose is []')
    table = check.good('run', *base, '--single', figure).stdout
    check(figure in table and all(part in table for part in PARTS), 'the table')

    # ---- sizes
    r = check.good('run', *base, '--size', '320x270', '--json', '-', figure, stderr='321x257')
    check(len(r.stderr.splitlines()) == 1 and json.loads(r.stdout)['input'] == {'width': 321, 'height': 257}, r.stderr)
    check(run('run', *base, '--size', '320x270', '--quiet', '--json', '-', figure).stderr == '', 'quiet about sizes')
    default = json.loads(check.good('run', '--model', MODEL, '--json', '-', figure).stdout)
    check(default['input']['width'] >= 33, 'a size by itself')

    # ---- devices and precisions
    for device in ('auto', 'ref'):
        check.good('run', *base, '--device', device, '--single', '--json', '-', figure)
    check.good('run', *base, '--precision', 'fp32', '--single', figure)
    for precision in ('fp16', 'tf32'):
        for device in ('cpu', 'ref'):
            check.bad(precision, 'run', *base, '--device', device, '--precision', precision, figure)
    check.bad('cuda', 'run', *base, '--device', 'cuda:77', figure)

    # ---- other outputs
    check.good('run', *base, '--annotate', 'drawn.png', '--json', '-', figure)
    check.good('run', *base, '--annotate', 'drawn.JPG', figure)
    check(open('drawn.png', 'rb').read(8) == b'\x89PNG\r\n\x1a\n' and open('drawn.JPG', 'rb').read(2) == b'\xff\xd8', 'drawn')
    check(check.good('run', *base, '--annotate', 'drawn.png', figure).stdout == '', 'no table beside a picture')
    check(json.loads(check.good('run', *base, '--json', '-', 'drawn.png').stdout)['width'] == 96, 'drawn size')
    check.good('run', *base, '--heads-out', 'heads', figure)
    for name, channels in (('heatmaps', 17), ('offsets', 34), ('displacement_fwd', 32), ('displacement_bwd', 32)):
        shape, values = npy('heads/%s.npy' % name)
        check(shape == (17, 17, channels) and len(values) == 17 * 17 * channels, '%s %s' % (name, shape))
        check(all(map(math.isfinite, values)) and len(set(values)) > 100, name + ' values')
    r = check.good('run', *base, '--profile', '--json', '-', figure, stderr='preprocess')
    check('bytes up 0' in r.stderr and 'conv' in r.stderr and json.loads(r.stdout), 'profile')

    # ---- several pictures
    os.mkdir('again')
    same = png('again/other.png', 40, 40)
    r = check.good('run', *base, '--json', '-', '--heads-out', 'many', '--annotate', 'drawings', figure, other, same)
    entries = json.loads(r.stdout)
    check([e['image'] for e in entries] == [figure, other, same], 'an array in order')
    check(sorted(os.listdir('drawings')) == ['figure one.png', 'other-2.png', 'other.png'], os.listdir('drawings'))
    check(sorted(os.listdir('many')) == ['figure one', 'other', 'other-2'] and
          len(os.listdir('many/other')) == 4, 'a folder of heads for each')
    with open('broken.png', 'wb') as f:
        f.write(open(other, 'rb').read()[:200])
    r = run('run', *base, '--json', '-', 'missing.jpg', other, 'broken.png', same)
    check(r.returncode == 2 and [e['image'] for e in json.loads(r.stdout)] == [other, same], 'the rest is done: %r' % (r,))
    lines = r.stderr.splitlines()
    check(len(lines) == 2 and 'missing.jpg' in lines[0] and 'broken.png' in lines[1], lines)
    r = run('run', *base, '--json', '-', 'missing.jpg', 'missing2.jpg')
    check(r.returncode == 2 and json.loads(r.stdout) == [], 'all failed: %r' % (r,))

    # ---- pictures that are none
    check.bad('missing.jpg', 'run', *base, '--json', '-', 'missing.jpg')
    check.bad('missing.jpg', 'run', *base, '--json', 'never.json', 'missing.jpg')
    check(not os.path.exists('never.json'), 'no file for a failed picture')
    check.bad('broken.png', 'run', *base, 'broken.png')
    for name, content, words in (('a.jpg', b'', 'is empty'), ('b.png', b'text', 'neither'), ('c.jpg', b'\xff\xd8\xff\xe0', 'JPEG'),
                                 ('d.mp4', b'\0\0\0\x20ftypisom' + bytes(64), 'is a video'),
                                 ('e.png', b'GIF89a' + bytes(30), 'GIF')):
        with open(name, 'wb') as f:
            f.write(content)
        check.bad('%s: ' % name, 'run', *base, name)
        check.bad(words, 'run', *base, name)
    check.bad('.: ', 'run', *base, '.')
    png('wide.png', 16385, 1)
    check.bad('16384', 'run', *base, 'wide.png')
    png('dot.png', 1, 1)
    check_object(check, json.loads(check.good('run', *base, '--json', '-', 'dot.png').stdout), 'dot.png', 1, 1, (257, 257), 5)
    check.good('run', *base, '--annotate', 'dot2.png', '--single', 'dot.png')
    odd = png('odd "\\\t\xe4.png', 5, 5)
    check(json.loads(check.good('run', *base, '--json', '-', odd).stdout)['image'] == odd, 'a name is kept')
    raw = b'raw\xff.png'
    os.rename(png('raw.png', 5, 5), raw)
    r = subprocess.run([POSENET, 'run', *base, '--json', '-', raw], capture_output=True)
    check(json.loads(r.stdout.decode('utf-8'))['image'] == 'raw\ufffd.png', 'JSON stays UTF-8')

    # ---- where nothing can be written
    check.bad('no/such/folder', 'run', *base, '--json', 'no/such/folder/a.json', figure)
    check.bad('no/such/folder', 'run', *base, '--annotate', 'no/such/folder/a.png', figure)
    check.bad('no/such/folder', 'run', *base, '--heads-out', 'no/such/folder', figure)
    check.bad('other.png', 'run', *base, '--annotate', other, figure, other)
    check.bad('overwrite', 'run', *base, '--annotate', figure, figure)
    check.bad('overwrite', 'run', *base, '--annotate', '.', 'other.png')
    with open('/dev/full', 'w') as full:
        r = subprocess.run([POSENET, 'run', *base, '--json', '-', figure], stdout=full, stderr=subprocess.PIPE, text=True)
        check(r.returncode == 2 and len(r.stderr.splitlines()) == 1, 'a full disk: %r' % (r,))

    # ---- models by name
    folder, name = os.path.split(MODEL)
    stem = name[:-len('.onnx')]
    for asked in (name, stem):
        check.good('run', '--model', asked, '--size', '65x65', figure, env={'POSENET_MODELS': folder})
    os.mkdir('models')
    os.symlink(MODEL, 'models/anything.onnx')
    check.good('run', '--size', '65x65', figure, env={'POSENET_MODELS': ''})
    check.good('inspect', 'anything', env={'POSENET_MODELS': ''})
    cut = open(MODEL, 'rb').read()
    for size in (100, len(cut) // 2, len(cut) - 1):
        with open('cut.onnx', 'wb') as f:
            f.write(cut[:size])
        check.bad('cut.onnx', 'run', '--model', 'cut.onnx', figure)

    # ---- heads by name
    check.bad('nowhere', 'run', *base, '--heads', 'heatmap=nowhere', figure)

    # ---- inspect and validate
    text = check.good('inspect', MODEL, '--size', '257x257').stdout
    for word in ('arena', 'alive', 'Conv', 'GFLOP', 'preprocess', 'decode', 'heatmap'):
        check(word in text, 'inspect lacks ' + word)
    seen = json.loads(check.good('inspect', MODEL, '--json', '-').stdout)
    check(seen['arena']['bytes'] <= 1.15 * seen['arena']['largest_sum_alive'], 'the arena: %s' % seen['arena'])
    check(seen['steps'][0]['op'] == 'preprocess' and seen['steps'][-1]['op'] == 'decode' and seen['flops'] > 1e6, 'steps')
    check.good('inspect', MODEL, '--json', 'seen.json')
    check(json.load(open('seen.json')) == seen, 'inspect --json FILE')
    check.bad('no/such/folder', 'inspect', MODEL, '--json', 'no/such/folder/a.json')
    text = check.good('validate', MODEL, '--size', '129x129', '--device', 'cpu').stdout
    check('passed' in text and 'OUT' not in text and 'keypoints' in text, 'validate')
    check.good('validate', MODEL, '--size', '129x129', '--device', 'cpu', '--image', figure)
    check.bad('missing.jpg', 'validate', MODEL, '--image', 'missing.jpg')
    check.bad('fp16', 'validate', MODEL, '--device', 'cpu', '--precision', 'fp16')
