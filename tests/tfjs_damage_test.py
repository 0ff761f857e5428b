"""Damaged, lying and hostile TF.js models: each is refused with exit 2 and one line that names the file and what in it is
wrong."""
import copy
import json
import os

from command import Checks, run, skip

try:
    import numpy as np
except ImportError:
    skip('no numpy')
from tfjs_maker import Maker, write

CONV = 'MobilenetV1/heatmap_2/BiasAdd'


def good_model():
    m = Maker()
    x = m.node('Relu', m.bias(m.conv(m.input(), 3, 6, 3, 2, name='first'), 6, name='sum'), name='act', T='DT_FLOAT')
    pads, crops = m.dynamic_sides(x, (2, 2), (2, 2), (2, 2))
    x = m.join(m.conv(m.split(x, (2, 2), pads), 6, 6, padding='VALID', name='inner'), (2, 2), crops)
    m.heads(x, 6)
    return m.document(groups=2, shard_bytes=400)


GOOD, SHARDS = good_model()
FIRST = GOOD['weightsManifest'][0]['weights'][0]['name']
CASES = []


def node(d, name):
    return next(n for n in d['modelTopology']['node'] if n['name'] == name)


def weight(d, name):
    return next(w for g in d['weightsManifest'] for w in g['weights'] if w['name'] == name)


def constant_of(d, name, index=1):
    return node(d, node(d, name)['input'][index])['name']


def change(name, words, function):
    """A case: the function changes the document and the shards in place, or returns another document as text. The
    complaint must hold `words`."""
    CASES.append((name, words, function))


def put(container, key, value):
    container[key] = value


def drop(container, key):
    del container[key]


# ---- JSON that is none, nests or lies
change('empty', 'is empty', lambda d, s: '')
change('cut', 'is no JSON at byte', lambda d, s: json.dumps(d)[:-40])
change('html', 'is no JSON at byte 0', lambda d, s: '<html></html>')
change('a list', 'no object', lambda d, s: '[1,2,3]')
change('more behind', 'has more after its JSON', lambda d, s: json.dumps(d) + ' {}')
change('brackets', 'nests more than', lambda d, s: '{"a":' + '[' * 100000)
change('objects', 'nests more than', lambda d, s: '{"a":' * 5000)
change('huge', 'bytes, more than', lambda d, s: json.dumps(d) + ' ' * (17 << 20))
change('nothing in it', 'no weightsManifest', lambda d, s: '{}')
change('a layers model', 'no modelTopology with nodes', lambda d, s: d.update(modelTopology={'model_config': {}}))
change('topology is text', 'no modelTopology with nodes', lambda d, s: d.update(modelTopology='x'))
change('no nodes', 'no output', lambda d, s: d['modelTopology'].update(node=[]))
change('node without op', 'has no name or no op', lambda d, s: drop(node(d, 'first'), 'op'))
change('node named by a number', 'has no name or no op', lambda d, s: node(d, 'first').update(name=7))
change('node twice', 'two nodes are named "first"', lambda d, s: node(d, 'act').update(name='first'))
change('reads nobody', 'node "sum" reads "missing", which no node makes',
       lambda d, s: put(node(d, 'sum')['input'], 0, 'missing'))
change('reads itself', "depends on itself", lambda d, s: put(node(d, 'first')['input'], 0, 'act'))
change('reads a second output', "not a first output", lambda d, s: put(node(d, 'sum')['input'], 0, 'first:1'))
change('reads a number', 'an input is no text', lambda d, s: put(node(d, 'sum')['input'], 0, 3))
change('signature of nobody', 'reads "missing:0"',
       lambda d, s: d.update(signature={'outputs': {'a': {'name': 'missing:0'}}}))
change('signature of a constant', 'is not computed', lambda d, s: d.update(signature={'outputs': {'a': {'name': FIRST}}}))

change('signature of an order', 'output "^\\x1b[31mact" carries no data',
       lambda d, s: d.update(signature={'outputs': {'a': {'name': '^\x1b[31mact'}}}))

# ---- the manifest
manifest = lambda d, g=0: d['weightsManifest'][g]
change('manifest is text', 'no weightsManifest', lambda d, s: d.update(weightsManifest='x'))
change('group without paths', 'no paths or no weights', lambda d, s: manifest(d).pop('paths'))
change('path is a number', 'path is no text', lambda d, s: put(manifest(d)['paths'], 0, 1))
for path in ('../escape.bin', '/etc/passwd', 'a/../../b', '', './x.bin', 'c:\\x', 'a//b', '..'):
    change('path %s' % path, "would lie outside the model's folder",
           lambda d, s, p=path: put(manifest(d)['paths'], 0, p))
change('shard is missing', 'group1-shard1of', lambda d, s: s.pop(manifest(d)['paths'][0]))
change('shard is a folder', 'is a folder',
       lambda d, s: (s.pop(manifest(d)['paths'][0]), os.makedirs('model/' + manifest(d)['paths'][0])) and None)
change('shard is short', 'shards end after',
       lambda d, s: s.update({manifest(d)['paths'][-1]: s[manifest(d)['paths'][-1]][:-1]}))
change('shard is long', 'the tensors fill only',
       lambda d, s: s.update({manifest(d)['paths'][-1]: s[manifest(d)['paths'][-1]] + b'x'}))
change('shard is empty', 'shards end after', lambda d, s: s.update({manifest(d)['paths'][0]: b''}))
change('a shard too few', 'shards end after', lambda d, s: drop(manifest(d)['paths'], -1))
change('tensor without name', 'has no name', lambda d, s: drop(manifest(d)['weights'][0], 'name'))
change('tensor without dtype', 'tensor "%s": it has no dtype' % FIRST,
       lambda d, s: drop(weight(d, FIRST), 'dtype'))
for kind in ('bool', 'string', 'complex64', 'float64', 'Float32'):
    change('dtype ' + kind, 'tensor "%s": its dtype is "%s"' % (FIRST, kind),
           lambda d, s, k=kind: weight(d, FIRST).update(dtype=k))
change('quantised to nothing', 'its quantization has no dtype',
       lambda d, s: weight(d, FIRST).update(quantization={'min': 0, 'scale': 1}))
change('quantised to int8', 'is quantised to "int8"',
       lambda d, s: weight(d, FIRST).update(quantization={'dtype': 'int8', 'min': 0, 'scale': 1}))
change('no scale', 'no number "scale"', lambda d, s: weight(d, FIRST).update(quantization={'dtype': 'uint8', 'min': 0}))
change('min is text', 'no number "min"',
       lambda d, s: weight(d, FIRST).update(quantization={'dtype': 'uint8', 'scale': 1, 'min': '0'}))
change('endless scale', 'no number "scale"',
       lambda d, s: json.dumps(d).replace(
           '"float32"}', '"float32", "quantization": {"dtype": "uint8", "min": 0, "scale": 1e999}}', 1))
change('no shape', 'tensor "%s": it has no shape' % FIRST, lambda d, s: drop(weight(d, FIRST), 'shape'))
for dims, words in (([-1, 3], 'dimension 0 is -1'), ([1 << 40], 'dimension 0 is'), ([1 << 20] * 4, 'elements'),
                    ([3.5], 'is no size'), ([1] * 9, 'more than 8 dimensions'), ([1 << 30], 'shards end after'),
                    ([[3]], 'is no size'),
                    (['x'], 'is no size')):
    change('shape %s' % dims, words, lambda d, s, dims=dims: weight(d, FIRST).update(shape=dims))
change('tensor twice', 'two tensors are named "%s"' % FIRST, lambda d, s: manifest(d)['weights'][1].update(name=FIRST))
change('other shape than the node', 'tensor "%s": its shape is not that of its weights' % FIRST,
       lambda d, s: weight(d, FIRST).update(shape=weight(d, FIRST)['shape'][::-1]))
change('other dtype than the node', 'its dtype is not that of its weights',
       lambda d, s: weight(d, FIRST).update(dtype='int32'))
change('constant without weights', 'tensor "first_w" has no weights',
       lambda d, s: d['modelTopology']['node'].append({'name': 'first_w', 'op': 'Const'}))

# ---- nodes
attr = lambda d, name: node(d, name)['attr']
change('unknown operator', 'node "act" (LeakyRelu): is an operator that no PoseNet has',
       lambda d, s: node(d, 'act').update(op='LeakyRelu'))
change('operator with a line break', 'node "act"', lambda d, s: node(d, 'act').update(op='Le\nak'))
change('data format', 'data_format is "NCHW"', lambda d, s: attr(d, 'first').update(data_format={'s': 'TkNIVw=='}))
change('padding is missing', 'padding is ""', lambda d, s: drop(attr(d, 'first'), 'padding'))
change('padding is plain text', '"padding" is no text in base64',
       lambda d, s: attr(d, 'first').update(padding={'s': 'SAME!'}))
change('padding is a number', '"padding" is no text in base64', lambda d, s: attr(d, 'first').update(padding={'i': 1}))
for values, words in (([1, 0, 1, 1], 'outside 1..'), ([2, 1, 1, 1], 'are not 1, height, width, 1'),
                      ([1, 2], 'are not 1, height'),
                      ([1, 5000, 1, 1], 'outside 1..'), (['a'] * 4, 'no integer'), ([1.5] * 4, 'no integer'),
                      (list(range(9)), 'more than 8')):
    change('strides %s' % values, words, lambda d, s, v=values: attr(d, 'first').update(strides={'list': {'i': v}}))
change('strides is no list', '"strides" is no list', lambda d, s: attr(d, 'first').update(strides={'i': 3}))
change('bias of other channels', 'node "sum" (BiasAdd): its input 1 has 17 numbers for 6 channels',
       lambda d, s: put(node(d, 'sum')['input'], 1, constant_of(d, CONV)))
change('weights of other channels', 'its weights take 6 channels, its picture has 3',
       lambda d, s: put(node(d, 'first')['input'], 1, constant_of(d, 'inner')))
change('weights are computed', 'no constant of four dimensions',
       lambda d, s: put(node(d, 'inner')['input'], 1, 'act'))
change('picture is a constant', 'is no picture', lambda d, s: put(node(d, 'first')['input'], 0, FIRST))
change('no inputs', 'needs a picture and weights', lambda d, s: drop(node(d, 'first'), 'input'))
change('input of rank 3', 'its input has 3 dimensions',
       lambda d, s: drop(attr(d, 'sub_2')['shape']['shape']['dim'], -1))
change('input of integers', 'its input is not float', lambda d, s: attr(d, 'sub_2').update(dtype={'type': 'DT_INT32'}))
change('input of size x', 'is no size', lambda d, s: attr(d, 'sub_2')['shape']['shape']['dim'][1].update(size='x'))
change('empty input', 'its input is empty', lambda d, s: attr(d, 'sub_2')['shape']['shape']['dim'][1].update(size='0'))
find = lambda d, op, i=0: [n for n in d['modelTopology']['node'] if n['op'] == op][i]
change('no end of the dilation', 'is no picture', lambda d, s: d.update(signature={'outputs': {'a': {'name': 'inner'}}}))
change('a dilation without begin', 'has no SpaceToBatchND before it',
       lambda d, s: put(find(d, 'BatchToSpaceND')['input'], 0, 'act'))
change('nothing inside the dilation', 'no convolution stands between', lambda d, s: empty_sandwich(d))
change('stride inside the dilation', 'has a stride between',
       lambda d, s: attr(d, 'inner').update(strides={'list': {'i': [1, 2, 2, 1]}}))
change('pads that depend on the size', "depend on the picture's size",
       lambda d, s: put(find(d, 'AddV2')['input'], 1, find(d, 'Add', 1)['name']))
change('crops more than it pads', 'crops more than', lambda d, s: swap(find(d, 'Pack', 0), find(d, 'Pack', 3)))
change('shape of another picture', 'takes the shape of another picture',
       lambda d, s: put(find(d, 'Shape')['input'], 0, 'sub_2'))
change('division by nothing', 'divides by 0', lambda d, s: put(find(d, 'FloorMod')['input'], 1, zero_of(d)))


def swap(a, b):
    """Exchanges the first inputs of two nodes."""
    a['input'][0], b['input'][0] = b['input'][0], a['input'][0]


def empty_sandwich(d):
    put(find(d, 'BatchToSpaceND')['input'], 0, find(d, 'SpaceToBatchND')['name'])
    d['modelTopology']['node'].remove(node(d, 'inner'))


def add_node(d, name, op, *inputs, **attributes):
    d['modelTopology']['node'].append({'name': name, 'op': op, 'input': list(inputs), 'attr': attributes})


def zero_of(d):
    return find(d, 'Pack', 3)['input'][0]


def nested_chain(d, s):
    """Everything twice at each of 60 levels: 2^60 steps for who goes through all of them."""
    name = find(d, 'FloorMod')['input'][0]
    for i in range(60):
        add_node(d, 'twice%d' % i, 'Add', name, name, T={'type': 'DT_INT32'})
        name = 'twice%d' % i
    find(d, 'FloorMod')['input'][0] = name


def deep_nodes(d, s):
    """A chain of 15,000 nodes in the wrong order: who recurses runs out of stack."""
    name = 'act'
    for i in range(15000):
        add_node(d, 'r%d' % i, 'Relu', name)
        name = 'r%d' % i
    add_node(d, 'end', 'Nonsense', name)
    d['modelTopology']['node'].reverse()


def one_shard_often(d, s):
    """1 GiB that takes no room on the disk, three times."""
    os.makedirs('model')
    open('model/huge', 'w').truncate(1 << 30)
    quantized = {'dtype': 'uint8', 'min': 0, 'scale': 1}
    d['weightsManifest'] += [{'paths': ['huge'], 'weights': [{'name': 'huge%d' % i, 'shape': [1 << 30], 'dtype': 'float32',
                                                              'quantization': quantized}]} for i in range(3)]


def long_empty_lists(d, s):
    """Two lists of 2^31 - 1 rows without columns: joined they have more rows than an int can count."""
    manifest(d)['weights'].append({'name': 'rows', 'shape': [2147483647, 0], 'dtype': 'int32'})
    add_node(d, 'rows', 'Const')
    add_node(d, 'joined', 'ConcatV2', 'rows', 'rows', zero_of(d))
    find(d, 'SpaceToBatchND')['input'][2] = 'joined'


change('one shard often', 'shards of more than 2147483648 bytes', one_shard_often)
change('long empty lists', 'no short list of integers', long_empty_lists)
change('exponential chain', 'chain of integers is too long', nested_chain)
change('deep graph', 'node "end" (Nonsense)', deep_nodes)
change('too many nodes', ' nodes',
       lambda d, s: d['modelTopology'].update(node=[{'name': 'n', 'op': 'x'}] * 100001))

with Checks() as check:
    path = write('model', GOOD, SHARDS)
    check.good('convert', path, 'good.onnx')
    for name, words, function in CASES:
        document, shards = copy.deepcopy(GOOD), dict(SHARDS)
        os.system('rm -rf model')
        other = function(document, shards)
        path = write('model', other if isinstance(other, str) else document, shards)
        result = run('convert', path, 'out.onnx')
        lines = result.stderr.splitlines()
        named = len(lines) == 1 and words in lines[0] and 'model/' in lines[0]
        check(result.returncode == 2 and not result.stdout and named,
              '%s: exit %d, stderr %r, wanted "%s"' % (name, result.returncode, result.stderr[:400], words))
        check(not os.path.exists('out.onnx'), name + ': nothing is written')
    check.bad('absent.json', 'convert', 'absent.json', 'out.onnx')
    print('%d damaged models' % len(CASES))
