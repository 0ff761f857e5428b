"""`posenet fetch` against a server on this machine that is good, or lies, drops, truncates, forgets ranges and redirects."""
import hashlib
import http.server
import os
import re
import shutil
import threading

from command import Checks, run

NAME = 'posenet_mobilenet_v1_100_stride16'      # of generated weights: four shards, no known sum
KNOWN = 'posenet_mobilenet_v1_075_stride16'     # whose sums are shipped
FOLDERS = {NAME: 'mobilenet/float/100', KNOWN: 'mobilenet/float/075'}


class Handler(http.server.BaseHTTPRequestHandler):
    """The first folder of a path says how the server behaves; the rest is a file below the server's root."""
    protocol_version = 'HTTP/1.1'

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        _, mode, rest = self.path.split('/', 2)
        server = self.server
        server.requests.append((mode, rest, self.headers.get('Range')))
        if mode == 'redirect':
            self.send_response(302)
            self.send_header('Location', 'file:///etc/passwd')
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        path = os.path.join(server.root, rest)
        if not os.path.isfile(path) or (mode == 'lost' and rest.endswith('2of4.bin')):
            self.send_error(404)
            return
        with open(path, 'rb') as f:
            data = f.read()
        if mode == 'html':
            data = b'<html>Please log in.</html>'
        if mode == 'cut' and rest.endswith('3of4.bin'):
            data = data[:-7]
        if mode == 'evil' and rest.endswith('.json'):
            data = data.replace(b'group1-shard1of4.bin', b'../../../escaped.bin')
        begin = 0
        changed = self.date_time_string(os.path.getmtime(path))
        found = re.match(r'bytes=(\d+)-', self.headers.get('Range') or '')
        if found and mode != 'norange' and self.headers.get('If-Range') == changed:
            begin = int(found.group(1))
            if begin >= len(data):
                self.send_error(416)
                return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header('Content-Range', 'bytes %d-%d/%d' % (begin, len(data) - 1, len(data)))
        self.send_header('Last-Modified', changed)
        self.send_header('Content-Length', str(len(data) - begin))
        self.end_headers()
        body = data[begin:]
        drops = mode == 'drop' and not begin or mode == 'broken' and rest.endswith('2of4.bin')
        if drops and len(body) > 200000:
            self.wfile.write(body[:100000])
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(body)


def serve(root):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.root, server.requests, server.handle_error = root, [], lambda *a: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def files_of(folder):
    return {n: open(os.path.join(folder, n), 'rb').read() for n in sorted(os.listdir(folder))}


def main():
    with Checks() as check:
        root = os.path.abspath('storage')
        for name, multiplier in ((NAME, '1.00'), (KNOWN, '0.75')):
            os.makedirs(os.path.join(root, FOLDERS[name]))
            check.good('generate', 'mobilenet_v1', '--multiplier', multiplier,
                       os.path.join(root, FOLDERS[name], 'model-stride16.json'))
        wanted = files_of(os.path.join(root, FOLDERS[NAME]))
        check(len(wanted) == 5, 'four shards and a model: %s' % list(wanted))
        server = serve(root)
        url = 'http://127.0.0.1:%d/' % server.server_port

        def fetch(mode, name=NAME, models='models'):
            server.requests.clear()
            return run('fetch', name, '--mirror', url + mode, env={'POSENET_MODELS': models})

        def is_whole(models='models', name=NAME):
            return files_of(os.path.join(models, name)) == wanted

        def refused(result, words, what):
            lines = result.stderr.splitlines()
            check(result.returncode == 2 and not result.stdout and len(lines) == 1 and words in result.stderr,
                  '%s: exit %d, %r, wanted "%s"' % (what, result.returncode, result.stderr, words))

        # ---- the list
        listed = check.good('fetch', '--list').stdout.splitlines()
        names = [line.split()[0] for line in listed]
        check(len(names) == len(set(names)) == 24, '24 checkpoints')
        check(not [n for n in names if 'mobilenet' in n and 'stride32' in n or 'resnet50' in n and 'stride8' in n],
              'none that does not exist')
        check.bad('see posenet fetch --list', 'fetch', NAME + '0')
        check.bad('needs one NAME', 'fetch')

        # ---- a good server; then nothing more to do
        result = fetch('good')
        path = os.path.join('models', NAME, 'model-stride16.json')
        check(result.returncode == 0 and result.stdout == path + '\n', 'prints the path: %r' % (result,))
        check('\r' not in result.stderr, 'no progress where no terminal is')
        check(is_whole(), 'all files, byte for byte')
        lock = open('models/posenet.lock').read().splitlines()
        check(lock == ['%s  %s/%s' % (hashlib.sha256(wanted[n]).hexdigest(), NAME, n) for n in wanted],
              'the lock file in the form of sha256sum')
        result = fetch('good')
        check(result.returncode == 0 and not server.requests, 'nothing is fetched twice')
        listed = check.good('fetch', '--list', env={'POSENET_MODELS': 'models'})
        check('fetched' in listed.stdout, 'the list shows it')
        check(run('run', '--model', path, '--help').returncode == 0, 'run takes it')

        # ---- a file that changes later
        shard = os.path.join('models', NAME, 'group1-shard1of4.bin')
        data = bytearray(wanted['group1-shard1of4.bin'])
        data[1000] ^= 1
        open(shard, 'wb').write(data)
        refused(fetch('good'), 'remove it to fetch it again', 'a changed file')
        os.unlink(shard)
        server_data = open(os.path.join(root, FOLDERS[NAME], 'group1-shard1of4.bin'), 'rb').read()
        open(os.path.join(root, FOLDERS[NAME], 'group1-shard1of4.bin'), 'wb').write(data)
        refused(fetch('good'), 'it was not kept', 'a file that changed on the server')
        check(not os.path.exists(shard), 'and it is gone')
        open(os.path.join(root, FOLDERS[NAME], 'group1-shard1of4.bin'), 'wb').write(server_data)
        check(fetch('good').returncode == 0 and is_whole() and len(server.requests) == 1, 'one file fetched again')

        # ---- going on in the middle
        shard = 'group1-shard2of4.bin'
        changed = os.path.getmtime(os.path.join(root, FOLDERS[NAME], shard))

        def leave_part(models, data, age=0):
            os.makedirs(os.path.join(models, NAME))
            part = os.path.join(models, NAME, shard + '.part')
            open(part, 'wb').write(data)
            os.utime(part, (changed - age, changed - age))

        for mode, again in (('good', True), ('norange', False)):
            models = 'resume_' + mode
            leave_part(models, wanted[shard][:1234567])
            check(fetch(mode, models=models).returncode == 0 and is_whole(models), mode + ': whole after a resume')
            ranges = [r for _, f, r in server.requests if f.endswith(shard)]
            check(ranges[0] == 'bytes=1234567-' and (len(ranges) == 1) == again, '%s: ranges %s' % (mode, ranges))
        leave_part('resume_full', wanted[shard])
        check(fetch('good', models='resume_full').returncode == 0 and is_whole('resume_full'), 'a part that is whole')
        leave_part('resume_old', bytes(1000), age=1000)
        check(fetch('good', models='resume_old').returncode == 0 and is_whole('resume_old'), 'a part of an older file')

        # ---- connections that drop
        check(fetch('drop', models='dropped').returncode == 0 and is_whole('dropped'), 'a dropped connection is taken up')
        check(len([r for _, f, r in server.requests if r]) == 4, 'each where it stopped: %s' % server.requests)
        refused(fetch('broken', models='broken'), 'the connection was lost', 'a connection that always drops')
        part = os.path.join('broken', NAME, 'group1-shard2of4.bin.part')
        check(os.path.getsize(part) == 400000, 'what came is kept')
        check(not os.path.exists('broken/posenet.lock'), 'and nothing is recorded')
        check(fetch('good', models='broken').returncode == 0 and is_whole('broken'), 'the next time goes on')
        check(('good', FOLDERS[NAME] + '/group1-shard2of4.bin', 'bytes=400000-') in server.requests, 'from there')

        # ---- servers that have other things
        refused(fetch('lost', models='lost'), 'the server answers 404', 'a missing shard')
        refused(fetch('nowhere/deeper', models='lost2'), 'the server answers 404', 'a missing model')
        check(not os.path.exists('lost2'), 'no empty folders are left')
        refused(fetch('html', models='html'), 'is no JSON', 'a login page')
        check(not os.path.exists('html'), 'a login page is not kept')
        refused(fetch('cut', models='cut'), 'shards end after', 'a shard that is too short')
        check(not os.path.exists('cut'), 'nor are files that make no model')
        refused(fetch('evil', models='evil'), 'a shard is named "../../../escaped.bin"', 'a shard outside')
        check(not [f for d in os.walk('.') for f in d[2] if 'escaped' in f], 'nothing is written outside')
        refused(fetch('redirect', models='redirect'), 'neither http nor https', 'a redirect to a file')
        refused(fetch('good', KNOWN, 'known'), 'but it should be dd63bf2d3b983e8c', 'a wrong sum')
        check(not os.path.exists('known'), 'a wrong sum is not kept')

        # ---- no network, no folder
        server.shutdown()
        server.server_close()
        refused(fetch('good', models='offline'), 'with no network, --mirror takes a folder', 'offline')
        check(not os.path.exists('offline'), 'no empty folders are left offline')
        refused(run('fetch', NAME, '--mirror', 'gopher://x/', env={'POSENET_MODELS': 'gopher'}), 'neither http nor https',
                'another protocol')
        refused(run('fetch', NAME, '--mirror', 'absent'), 'is no folder', 'a mirror that is not there')
        refused(run('fetch', NAME, '--mirror', root, env={'POSENET_MODELS': '/dev/null/models'}), '/dev/null/models',
                'a folder that cannot be made')

        # ---- a folder as a mirror, in both layouts; its name holds what a URL does not
        os.rename(root, 'my % mirror #1')
        result = run('fetch', NAME, '--mirror', 'my % mirror #1', env={'POSENET_MODELS': 'copied'})
        check(result.returncode == 0 and is_whole('copied'), 'a folder like the storage: %s' % result.stderr)
        result = run('fetch', NAME, '--mirror', os.path.abspath('copied'), env={'POSENET_MODELS': 'again'})
        check(result.returncode == 0 and is_whole('again'), 'a folder of models: %s' % result.stderr)
        shutil.rmtree('copied/' + NAME)
        refused(run('fetch', NAME, '--mirror', 'copied', env={'POSENET_MODELS': 'third'}), 'holds neither', 'no copy there')


main()
