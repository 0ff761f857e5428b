"""What the tests of the command `posenet` share: where it is, how it is run, pictures, models."""
import os
import struct
import subprocess
import sys
import tempfile
import zlib

SOURCE = os.environ.get('POSENET_SOURCE', os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('POSENET_BUILD', os.path.join(SOURCE, 'build'))
POSENET = os.path.join(BUILD, 'tools', 'posenet')
SKIPPED = 77


def shared():
    """The folder of golden data, or None."""
    for folder in (os.environ.get('POSENET_SHARED'), os.path.join(SOURCE, '..', 'shared')):
        if folder and os.path.isdir(os.path.join(folder, 'golden')):
            return os.path.abspath(folder)
    return None


def models():
    """The folder of models, or None."""
    folders = [os.environ.get('POSENET_MODELS')] + ([os.path.join(shared(), 'models')] if shared() else [])
    for folder in folders:
        if folder and os.path.isdir(folder):
            return os.path.abspath(folder)
    return None


def model():
    """A PoseNet file for tests that take any, or None."""
    names = ['posenet_mobilenet_v1_075_stride16.onnx', 'posenet.onnx', 'posenet_demo_mobilenet_v1_075_stride16.onnx']
    folders = [models(), os.path.join(SOURCE, 'models'), os.path.join(SOURCE, 'tools', 'demo')]
    for folder in filter(None, folders):
        for name in names:
            if os.path.isfile(os.path.join(folder, name)):
                return os.path.join(folder, name)
    return None


def skip(why):
    print('skipped: ' + why)
    sys.exit(SKIPPED)


def run(*arguments, **options):
    """Runs posenet; the result has returncode, stdout and stderr (text)."""
    environment = dict(os.environ, **options.pop('env', {}))
    return subprocess.run([POSENET] + list(arguments), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors='replace', env=environment, timeout=600, **options)


def png(path, width, height, colour=lambda x, y: (x % 256, y % 256, 128)):
    """Writes a small RGB PNG."""
    rows = b''.join(b'\0' + bytes(v for x in range(width) for v in colour(x, y)) for y in range(height))

    def chunk(name, data):
        return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
    with open(path, 'wb') as f:
        f.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)) +
                chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))
    return path


class Checks:
    """Counts what fails and says each; `with Checks() as check:` exits 1 at the end if any did."""

    def __enter__(self):
        self.failed = self.done = 0
        self.folder = tempfile.TemporaryDirectory(prefix='posenet-test-')
        self.old = os.getcwd()
        os.chdir(self.folder.name)
        return self

    def __call__(self, good, what):
        self.done += 1
        self.failed += not good
        if not good:
            print('FAILED: %s' % (what,))

    def bad(self, words, *arguments, **options):
        """The command must exit 2 with nothing on stdout and one line with `words` on stderr."""
        r = run(*arguments, **options)
        lines = r.stderr.splitlines()
        self(r.returncode == 2 and r.stdout == '' and len(lines) == 1 and r.stderr.endswith('\n') and
             words.lower() in r.stderr.lower(), '%s: exit %d, stdout %r, stderr %r, wanted "%s"' %
             (arguments, r.returncode, r.stdout[:200], r.stderr[:500], words))

    def good(self, *arguments, **options):
        """The command must exit 0 with nothing on stderr (unless `stderr` says what); its result."""
        want = options.pop('stderr', '')
        r = run(*arguments, **options)
        fits = want in r.stderr if want else r.stderr == ''
        self(r.returncode == 0 and fits, '%s: exit %d, stderr %r' % (arguments, r.returncode, r.stderr[:500]))
        return r

    def __exit__(self, kind, error, trace):
        os.chdir(self.old)
        self.folder.cleanup()
        if kind is None:
            print('%d checks, %d failed' % (self.done, self.failed))
            sys.exit(1 if self.failed or not self.done else 0)
