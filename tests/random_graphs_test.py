"""Random small graphs of every operator, with axes in every order: posenet's steps, on ref and on cpu and folded, against
ONNX Runtime. Arguments: first seed, number of graphs (default 0 150); a failing seed's folder is kept and named."""
import os
import shutil
import subprocess
import sys
import tempfile

from command import BUILD, skip

try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
except ImportError as missing:
    skip(str(missing))

PROGRAM = os.path.join(BUILD, 'tests', 'onnx_operators', 'onnx_operators')
OPSET = 17
ELEMENTS = 3000     # of one value at most


class RandomGraph:
    """Grows node by node; shapes are learnt from ONNX Runtime's own results, which are kept."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.constants, self.values = [], [], {}
        shape = [int(self.random.integers(1, 3)), 3, int(self.random.integers(4, 9)), int(self.random.integers(4, 9))]
        self.input = self.random.normal(0, 2, shape).astype(np.float32)
        self.values['input'] = self.input

    def pick(self, rank=None):
        """A value's name, a late one rather than an early one."""
        names = [n for n, v in self.values.items() if rank is None or v.ndim == rank]
        if not names:
            return None
        return names[int(len(names) * self.random.beta(2, 1))]

    def constant(self, array, dtype=np.float32):
        name = 'c%d' % len(self.constants)
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def integers(self, values):
        return self.constant(list(values), np.int64)

    def reals(self, *shape):
        return self.constant(self.random.normal(0, 1, shape))

    def whole(self, low, high):
        return int(self.random.integers(low, high + 1))

    def model(self, nodes, outputs):
        graph = helper.make_graph(
            nodes, 'random', [helper.make_tensor_value_info('input', TensorProto.FLOAT, self.input.shape)],
            [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=8)

    def run(self, model):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider'])
        return session.run(None, {'input': self.input})

    def grow(self):
        """Adds a random node, unless it is invalid, too large, empty or of a rank over 4."""
        make = getattr(self, self.random.choice([m for m in dir(self) if m.startswith('make_')]))
        marks = len(self.nodes), len(self.constants)
        outputs = make()
        if not outputs:
            return
        try:
            values = self.run(self.model(self.nodes, outputs))
        except Exception:   # ONNX Runtime refuses it
            values = []
        good = values and all(1 <= v.size <= ELEMENTS and v.ndim <= 4 and np.isfinite(v).all() and
                              np.abs(v).max() < 100 for v in values)
        if good:
            self.values.update(zip(outputs, values))
        else:
            del self.nodes[marks[0]:], self.constants[marks[1]:]

    def add(self, op, *inputs, outputs=1, **attributes):
        names = ['v%d_%d' % (len(self.nodes), i) for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name='n%d' % len(self.nodes), **attributes))
        return names

    def spoiled(self, shape):
        """A shape that broadcasts to `shape`."""
        shape = [1 if self.random.random() < 0.4 else d for d in shape]
        return shape[self.whole(0, len(shape)):] if self.random.random() < 0.5 else shape

    def make_binary(self):
        op = str(self.random.choice(['Add', 'Sub', 'Mul', 'Min', 'Max', 'Add']))
        a = self.pick()
        like = [n for n, v in self.values.items() if v.shape == self.values[a].shape]
        kind = self.random.random()
        b = like[self.whole(0, len(like) - 1)] if kind < 0.4 else self.pick() if kind < 0.5 else \
            self.reals(*self.spoiled(self.values[a].shape))
        return self.add(op, *((a, b) if self.random.random() < 0.7 else (b, a)))

    def make_division(self):
        a = self.pick()
        return self.add('Div', a, self.constant(self.random.uniform(0.5, 2, self.spoiled(self.values[a].shape))))

    def make_unary(self):
        op = str(self.random.choice(['Relu', 'Sigmoid', 'Identity', 'Relu']))
        return self.add(op, self.pick())

    def make_clip(self):
        limits = [self.constant(v) if self.random.random() < 0.7 else '' for v in self.random.normal(0, 1, 2)]
        return self.add('Clip', self.pick(), *limits)

    def make_root(self):
        """Away from zero, where a root makes rounding errors large."""
        return self.add('Sqrt', *self.add('Max', self.pick(), self.constant(0.5)))

    def make_transpose(self):
        x = self.pick()
        axes = self.random.permutation(self.values[x].ndim).tolist()
        return self.add('Transpose', x, perm=axes) if axes else None

    def make_transpose_again(self):
        return self.make_transpose()

    def window(self, x):
        """Never larger than its input: ONNX Runtime rounds the size of what is left towards zero."""
        kernel = [self.whole(1, min(3, d)) for d in self.values[x].shape[2:]]
        attributes = {'kernel_shape': kernel, 'strides': [self.whole(1, 2), self.whole(1, 2)]}
        kind = self.random.choice(['SAME_UPPER', 'SAME_LOWER', 'VALID', 'NOTSET', 'NOTSET'])
        if kind == 'NOTSET':
            attributes['pads'] = [self.whole(0, k - 1) for k in kernel * 2]
            attributes['dilations'] = [self.whole(1, 2) if 2 * k <= d else 1
                                       for k, d in zip(kernel, self.values[x].shape[2:])]
        else:
            attributes['auto_pad'] = str(kind)
        return kernel, attributes

    def make_conv(self):
        x = self.pick(4)
        if not x:
            return None
        channels = self.values[x].shape[1]
        group = int(self.random.choice([g for g in (1, 2, 3, channels) if channels % g == 0]))
        outputs = group * self.whole(1, 3)
        kernel, attributes = self.window(x)
        filters = self.constant(self.random.normal(0, 0.5, [outputs, channels // group] + kernel))
        bias = [self.reals(outputs)] if self.random.random() < 0.5 else []
        return self.add('Conv', x, filters, *bias, group=group, **attributes)

    def make_convolved_again(self):
        return self.make_conv()

    def make_pool(self):
        x = self.pick(4)
        if not x:
            return None
        attributes = self.window(x)[1]
        if 'pads' in attributes:
            attributes['dilations'] = [1, 1]
            attributes['ceil_mode'] = self.whole(0, 1)
        return self.add('MaxPool', x, **attributes)

    def make_batch_norm(self):
        x = self.pick(4)
        if not x:
            return None
        c = self.values[x].shape[1]
        variance = self.constant(self.random.uniform(0.5, 2, c))
        return self.add('BatchNormalization', x, self.reals(c), self.reals(c), self.reals(c), variance)

    def make_pad(self):
        x = self.pick()
        shape = self.values[x].shape
        mode = str(self.random.choice(['constant', 'constant', 'constant', 'edge', 'reflect']))
        low = -1 if mode == 'constant' else 0
        pads = [self.whole(low, min(2, d - 1)) if self.random.random() < 0.5 else 0 for d in shape * 2]
        value = float(self.random.choice([0, 0, 1.5]))
        return self.add('Pad', x, self.integers(pads), self.constant(value), mode=mode)

    def make_pad_of_zeros(self):
        x = self.pick(4)
        if not x:
            return None
        return self.add('Pad', x, self.integers([0, 0, self.whole(0, 2), 1, 0, 0, 1, self.whole(0, 2)]), '')

    def make_slice(self):
        x = self.pick()
        rank = self.values[x].ndim
        if not rank:
            return None
        axes = self.random.permutation(rank)[:self.whole(1, rank)]
        bounds = [sorted((self.whole(-4, 9), self.whole(-4, 9))) for _ in axes]
        steps = [int(self.random.choice([1, 1, 2, -1])) for _ in axes]
        starts = [b[0] if s > 0 else b[1] for b, s in zip(bounds, steps)]
        ends = [b[1] if s > 0 else b[0] for b, s in zip(bounds, steps)]
        return self.add('Slice', x, *(self.integers(v) for v in (starts, ends, axes, steps)))

    def make_split(self):
        x = self.pick()
        axes = [a for a, d in enumerate(self.values[x].shape) if d > 1]
        if not axes:
            return None
        axis = axes[self.whole(0, len(axes) - 1)]
        dim = self.values[x].shape[axis]
        first = self.whole(1, dim - 1)
        return self.add('Split', x, self.integers([first, dim - first]), axis=axis, outputs=2)

    def make_concat(self):
        x = self.pick()
        if not self.values[x].ndim:
            return None
        axis = self.whole(0, self.values[x].ndim - 1)
        cut = [d for i, d in enumerate(self.values[x].shape) if i != axis]
        like = [n for n, v in self.values.items() if v.ndim == self.values[x].ndim and
                [d for i, d in enumerate(v.shape) if i != axis] == cut]
        parts = [like[self.whole(0, len(like) - 1)] for _ in range(self.whole(1, 3))]
        if self.random.random() < 0.3:
            parts.append(self.reals(*self.values[x].shape))
        return self.add('Concat', *parts, axis=axis)

    def make_gather(self):
        x = self.pick()
        if not self.values[x].ndim:
            return None
        axis = self.whole(0, self.values[x].ndim - 1)
        dim = self.values[x].shape[axis]
        indices = self.random.integers(-dim, dim, [(), (3,), (2, 2)][self.whole(0, 2)])
        return self.add('Gather', x, self.constant(indices, np.int64), axis=axis)

    def make_reshape(self):
        x = self.pick()
        dims = [1]
        for d in self.values[x].shape:  # joined with the one before, split, or kept
            if self.random.random() < 0.3:
                dims[-1] *= d
            elif d % 2 == 0 and self.random.random() < 0.3:
                dims += [d // 2, 2]
            else:
                dims.append(d)
            if self.random.random() < 0.15:
                dims.append(1)
        if dims[0] == 1 and self.random.random() < 0.7:
            dims = dims[1:]
        if dims and self.random.random() < 0.4:
            dims[self.whole(0, len(dims) - 1)] = -1
        return self.add('Reshape', x, self.integers(dims))

    def make_squeeze(self):
        x = self.pick()
        axes = [a for a, d in enumerate(self.values[x].shape) if d == 1]
        return self.add('Squeeze', x, self.integers(axes[:1])) if axes else None

    def make_unsqueeze(self):
        x = self.pick()
        return self.add('Unsqueeze', x, self.integers([self.whole(0, self.values[x].ndim)]))

    def make_flatten(self):
        x = self.pick()
        return self.add('Flatten', x, axis=self.whole(0, self.values[x].ndim))

    def make_expand(self):
        x = self.pick()
        shape = [2 if d == 1 and self.random.random() < 0.5 else 1 for d in self.values[x].shape]
        return self.add('Expand', x, self.integers(([2] if self.random.random() < 0.2 else []) + shape))

    def make_resize(self):
        x = self.pick(4)
        if not x:
            return None
        scales = [1, 1] + [float(self.random.choice([0.5, 1, 2, 1.5])) for _ in range(2)]
        linear = self.random.random() < 0.5
        how = {'mode': 'linear', 'coordinate_transformation_mode': str(self.random.choice(
            ['half_pixel', 'align_corners', 'pytorch_half_pixel', 'asymmetric']))} if linear else \
            {'mode': 'nearest', 'nearest_mode': 'floor', 'coordinate_transformation_mode': 'asymmetric'}
        return self.add('Resize', x, '', self.constant(scales), **how)

    def make_sizes(self):
        """A reshape to the shape of another value of as many elements, computed in the graph."""
        x = self.pick()
        like = [n for n, v in self.values.items() if v.size == self.values[x].size]
        shape, = self.add('Shape', like[self.whole(0, len(like) - 1)])
        return self.add('Reshape', x, shape)


def write(folder, seed):
    """A random graph as a folder of ONNX's operator tests."""
    g = RandomGraph(seed)
    for _ in range(g.whole(2, 30)):
        g.grow()
    made = [n for n in g.values if n != 'input']
    if not made:
        return False
    # The last values and some others are outputs, so that some results are read by many.
    outputs = sorted(set(made[-2:] + [n for n in made if g.random.random() < 0.15]))
    model = g.model(g.nodes, outputs)
    data = os.path.join(folder, 'test_data_set_0')
    os.makedirs(data)
    onnx.save(model, os.path.join(folder, 'model.onnx'))
    tensors = [('input_0', 'input', g.input)]
    tensors += [('output_%d' % i, n, v) for i, (n, v) in enumerate(zip(outputs, g.run(model)))]
    for file, name, value in tensors:
        with open(os.path.join(data, file + '.pb'), 'wb') as f:
            f.write(numpy_helper.from_array(value, name).SerializeToString())
    return True


def main():
    first, count = (int(a) for a in (sys.argv[1:] + ['0', '150'][len(sys.argv) - 1:])[:2])
    with tempfile.TemporaryDirectory(prefix='posenet-random-') as scratch:
        folders = [os.path.join(scratch, str(seed)) for seed in range(first, first + count)]
        folders = [f for f in folders if write(f, int(os.path.basename(f)))]
        r = subprocess.run([PROGRAM, *folders], capture_output=True, text=True, timeout=600)
        lines = [line.split('\t') for line in r.stdout.splitlines()]
        failed = [line for line in lines if line[2] != 'ok']
        for line in failed:
            kept = os.path.join(tempfile.gettempdir(), 'posenet-random-failed-' + line[0])
            shutil.copytree(os.path.join(scratch, line[0]), kept, dirs_exist_ok=True)
            print('FAILED: seed %s (%s): %s; kept in %s' % (line[0], line[1], ' '.join(line[3:]), kept))
        if r.returncode or len(lines) != 3 * len(folders):
            print('FAILED: exit %d, %d results of %d graphs: %s' % (r.returncode, len(lines), len(folders), r.stderr))
            return 1
    print('%d graphs, %d results, %d failed' % (len(folders), len(lines), len(failed)))
    return 1 if failed or not folders else 0


if __name__ == '__main__':
    raise SystemExit(main())
