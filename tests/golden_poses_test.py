"""Poses against golden data, by the measure of compare_poses.py: ONNX Runtime on PoseNet and on BodyPix with its default
limits, Google's own library with a limit that leaves room for its other JPEG decoder. Arguments: devices (default cpu ref)."""
import concurrent.futures
import os
import subprocess
import sys
import tempfile

from command import run, shared, skip

SHARED = shared()
if not SHARED:
    skip('no golden data: set POSENET_SHARED')
COMPARE = os.path.join(SHARED, 'tools', 'compare_poses.py')
POSENET = os.path.join(SHARED, 'models', 'posenet_mobilenet_v1_075_stride16.onnx')
BODYPIX = os.path.join(SHARED, 'models', 'bodypix_mobilenet_v1_050_stride16.onnx')
# BodyPix's golden poses were decoded with its long-range offsets; by themselves the short ones are taken, as they must be.
SETS = (('onnxruntime', POSENET, ()), ('onnxruntime_bodypix_050', BODYPIX, ('--heads', 'offset=long_offsets')))


def make(folder, model, device, golden, extra):
    """One result for each file of a golden set, named like it."""
    os.makedirs(folder)

    def one(name):
        image, size = name[:-len('.json')].rsplit('.', 1)
        picture = os.path.join(SHARED, 'images', image + '.jpg')
        r = run('run', '--model', model, '--device', device, '--size', size, '--max-poses', '10', '--json',
                os.path.join(folder, name), *extra, picture)
        if r.returncode or r.stderr:
            sys.exit('%s: exit %d: %s' % (picture, r.returncode, r.stderr))
    names = [n for n in sorted(os.listdir(golden)) if n.endswith('.json')]
    if device == 'ref':     # one thread each: two at a time
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(one, names))
    else:
        for name in names:
            one(name)
    return len(names)


def compare(got, golden, *options):
    r = subprocess.run([sys.executable, COMPARE, got, golden, *options], capture_output=True, text=True)
    print(r.stdout, end='')
    return r


def main():
    failed = 0
    with tempfile.TemporaryDirectory(prefix='posenet-golden-') as scratch:
        for device in sys.argv[1:] or ['cpu', 'ref']:
            for name, model, extra in SETS:
                golden = os.path.join(SHARED, 'golden', name)
                for mode in ((), ('--single',)):
                    got = os.path.join(scratch, device, name + ''.join(mode))
                    print('%s on %s %s' % (name, device, ' '.join(mode)), flush=True)
                    if make(got, model, device, golden, extra + mode) < 4:
                        sys.exit('golden data is incomplete: ' + golden)
                    failed += compare(got, golden, *mode).returncode != 0
            # Google's own library decodes JPEG otherwise, so single files may fail; over all of them it may not.
            print('tfjs on %s, all files together' % device, flush=True)
            r = compare(os.path.join(scratch, device, 'onnxruntime'), os.path.join(SHARED, 'golden', 'tfjs'),
                        '--overall-median', '0.15')
            total = r.stdout.splitlines()[-1]
            median = float(total.split('median ')[1].split(' px')[0])
            keypoints = int(total.split(' keypoints')[0].split()[-1])
            alone = [line.split()[1] for line in r.stdout.splitlines()[:-1] if line.startswith('FAIL')]
            print('median %.4f px over %d keypoints, limit 0.15; outside the default limits alone, by the other JPEG '
                  'decoder\'s noise: %s' % (median, keypoints, ', '.join(alone) or 'none'))
            failed += median > 0.15 or keypoints < 300
    print('failed: %d' % failed)
    return 1 if failed else 0


sys.exit(main())
