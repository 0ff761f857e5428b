"""TF.js graph models made for tests: nodes, weights and files, in every spelling that TF.js takes. What a model computes
is said by tfjs_reference.py."""
import base64
import json
import os

import numpy as np

HEADS = (('heatmap_2', 17), ('offset_2', 34), ('displacement_fwd_2', 32), ('displacement_bwd_2', 32))


class Maker:
    """Collects nodes and weights; every method gives the name of the node it made. `numbers`: integers are written as
    numbers, not as text; `codes`: text as character codes; `type_numbers`: types as numbers."""

    def __init__(self, seed=0, numbers=False, codes=False, type_numbers=False):
        self.random = np.random.default_rng(seed)
        self.numbers, self.codes, self.type_numbers = numbers, codes, type_numbers
        self.nodes, self.weights, self.storage, self.count = [], {}, {}, 0
        self.signature = None

    # ---- attributes
    def integer(self, value):
        return int(value) if self.numbers else str(int(value))

    def text(self, value):
        return [ord(c) for c in value] if self.codes else base64.b64encode(value.encode()).decode()

    def kind(self, name):
        return {'DT_FLOAT': 1, 'DT_INT32': 3}[name] if self.type_numbers else name

    def attribute(self, value):
        if isinstance(value, str):
            return {'type': self.kind(value)} if value.startswith('DT_') else {'s': self.text(value)}
        if isinstance(value, bool):
            return {'b': value}
        if isinstance(value, float):
            return {'f': value}
        if isinstance(value, int):
            return {'i': self.integer(value)}
        if value and isinstance(value[0], str):
            return {'list': {'s': [self.text(v) for v in value]}}
        return {'list': {'i': [self.integer(v) for v in value]} if value else {}}

    # ---- nodes
    def node(self, op, *inputs, name=None, **attributes):
        self.count += 1
        name = name or 'scope/%s_%d' % (op, self.count)
        node = {'name': name, 'op': op}
        if inputs:
            node['input'] = list(inputs)
        node['attr'] = {key: self.attribute(value) for key, value in attributes.items()}
        self.nodes.append(node)
        return name

    def input(self, name='sub_2', dims=(1, -1, -1, 3)):
        self.node('Placeholder', name=name, dtype='DT_FLOAT')
        self.nodes[-1]['attr']['shape'] = {'shape': {'dim': [{'size': self.integer(d)} for d in dims]}}
        return name

    def constant(self, array, storage=None, name=None):
        """`storage`: None (4 bytes), 'uint8', 'uint16' or 'float16'."""
        array = np.asarray(array)
        array = array.astype(np.int32 if array.dtype.kind in 'iu' else np.float32)
        kind = 'DT_INT32' if array.dtype == np.int32 else 'DT_FLOAT'
        name = self.node('Const', name=name, dtype=kind)
        self.nodes[-1]['attr']['value'] = {'tensor': {
            'dtype': self.kind(kind), 'tensorShape': {'dim': [{'size': self.integer(d)} for d in array.shape]}}}
        self.weights[name], self.storage[name] = array, storage
        return name

    def random_constant(self, *shape, scale=1.0, storage=None):
        return self.constant((self.random.normal(0, scale, shape)).astype(np.float32), storage)

    def conv(self, x, inputs, outputs, kernel=3, stride=1, padding='SAME', dilation=1, op='Conv2D', extra=(), storage=None,
             name=None, **attributes):
        w = self.random_constant(kernel, kernel, inputs, outputs, scale=(1.5 / (kernel * kernel * inputs)) ** 0.5,
                                 storage=storage)
        return self.node(op, x, w, *extra, name=name, T='DT_FLOAT', data_format='NHWC', padding=padding,
                         strides=[1, stride, stride, 1], dilations=[1, dilation, dilation, 1], **attributes)

    def depthwise(self, x, channels, multiplier=1, kernel=3, op='DepthwiseConv2dNative', **more):
        return self.conv(x, channels, multiplier, kernel, op=op, **more)

    def bias(self, x, channels, name=None):
        return self.node('BiasAdd', x, self.random_constant(channels), name=name, T='DT_FLOAT', data_format='NHWC')

    def heads(self, x, channels, heatmap=None):
        """`heatmap`: a feature and its channels for the heatmaps alone, where x has not the size that a stride gives."""
        for head, outputs in HEADS:
            feature = heatmap if heatmap and head == 'heatmap_2' else (x, channels)
            self.bias(self.conv(*feature, outputs, 1), outputs, name='MobilenetV1/%s/BiasAdd' % head)

    # ---- dilation as TensorFlow writes it
    def list_of(self, *values):
        return self.constant(np.array(values, np.int32))

    def slice(self, x, begin, end, alone):
        return self.node('StridedSlice', x, self.list_of(begin), self.list_of(end), self.list_of(1), T='DT_INT32',
                         begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=int(alone))

    def pack(self, *inputs):
        return self.node('Pack', *inputs, T='DT_INT32', axis=0, N=len(inputs))

    def dynamic_sides(self, x, block, before, after):
        """Paddings and crops for a picture of any size, as with_space_to_batch computes them."""
        size = self.slice(self.node('Shape', x, T='DT_FLOAT', out_type='DT_INT32'), 1, 3, False)
        blocks = self.list_of(*block)
        full = self.node('Add', self.node('Add', size, self.list_of(*before), T='DT_INT32'), self.list_of(*after),
                         T='DT_INT32')
        over = self.node('FloorMod', full, blocks, T='DT_INT32')
        extra = self.node('FloorMod', self.node('Sub', blocks, over, T='DT_INT32'), blocks, T='DT_INT32')
        end = self.node('AddV2', self.list_of(*after), extra, T='DT_INT32')
        zero = self.constant(np.int32(0))
        pads = self.pack(*[self.pack(self.constant(np.int32(before[i])), self.slice(end, i, i + 1, True)) for i in (0, 1)])
        crops = self.pack(*[self.pack(zero, self.slice(extra, i, i + 1, True)) for i in (0, 1)])
        return pads, crops

    def split(self, x, block, pads):
        return self.node('SpaceToBatchND', x, self.list_of(*block), pads, T='DT_FLOAT')

    def join(self, x, block, crops):
        return self.node('BatchToSpaceND', x, self.list_of(*block), crops, T='DT_FLOAT')

    # ---- files
    def stored(self, name):
        """The bytes of a tensor, and what the manifest says about it beyond name, shape and dtype."""
        array, storage = self.weights[name], self.storage[name]
        if storage is None:
            return array.astype(array.dtype.newbyteorder('<')).tobytes(), {}
        if storage == 'float16':
            return array.astype('<f2').tobytes(), {'quantization': {'dtype': 'float16'}}
        low, high = float(array.min()), float(array.max())
        scale = (high - low) / np.iinfo(storage).max or 1.0
        q = np.round((array.astype(np.float64) - low) / scale)
        return q.astype(np.dtype(storage).newbyteorder('<')).tobytes(), \
            {'quantization': {'dtype': storage, 'min': low, 'scale': scale}}

    def values(self, name):
        """A tensor as a reader must see it: q * scale + min in double, rounded once."""
        data, extra = self.stored(name)
        how = extra.get('quantization')
        if not how:
            return self.weights[name]
        q = np.frombuffer(data, np.dtype(how['dtype']).newbyteorder('<')).reshape(self.weights[name].shape)
        if how['dtype'] == 'float16':
            return q.astype(np.float32)
        return (q.astype(np.float64) * how['scale'] + how['min']).astype(np.float32)

    def entry(self, name):
        kind = 'int32' if self.weights[name].dtype == np.int32 else 'float32'
        return {'name': name, 'shape': list(self.weights[name].shape), 'dtype': kind, **self.stored(name)[1]}

    def document(self, groups=1, shard_bytes=1 << 22):
        """model.json as a dictionary, and the shards by name."""
        names, shards, manifest = list(self.weights), {}, []
        for g in range(groups):
            members = names[g::groups]
            data = b''.join(self.stored(n)[0] for n in members)
            count = max(1, -(-len(data) // shard_bytes))
            paths = ['group%d-shard%dof%d.bin' % (g + 1, i + 1, count) for i in range(count)]
            shards.update({p: data[i * shard_bytes:(i + 1) * shard_bytes] for i, p in enumerate(paths)})
            manifest.append({'paths': paths, 'weights': [self.entry(n) for n in members]})
        document = {'format': 'graph-model', 'modelTopology': {'node': self.nodes, 'versions': {'producer': 54}},
                    'weightsManifest': manifest}
        if self.signature:
            document['signature'] = self.signature
        return document, shards


def write(folder, document, shards):
    """The path of model.json."""
    os.makedirs(folder, exist_ok=True)
    for name, data in shards.items():
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)
    path = os.path.join(folder, 'model.json')
    with open(path, 'w') as f:
        f.write(document if isinstance(document, str) else json.dumps(document))
    return path
