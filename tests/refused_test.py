"""Models of forms that posenet does not compute, as quantisers, optimisers and exporters write them: each is refused in
one line that names what is in the way, and a neighbour of that form which can be computed is taken."""
import os
import tempfile

from command import run, skip

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as missing:
    skip(str(missing))

from dialects import Maker


def network(change_picture=lambda m, x: x, opset=13, change=lambda model: None):
    """A PoseNet whose picture goes through `change_picture` first; `change` has the last word."""
    m = Maker(1, opset)
    x = change_picture(m, 'image')
    x = m.node('Relu', m.conv(m.scaled(x), 3, 8, strides=[16, 16], pads=[1, 1, 1, 1]))
    m.heads_nchw(x, 8)
    model = m.model(nhwc=False)
    change(model)
    return model


def quantized(m, x):
    scale, zero = m.constant(np.float32(1)), m.constant(np.uint8(128), np.uint8)
    return m.node('DequantizeLinear', m.node('QuantizeLinear', x, scale, zero), scale, zero)


def fused(m, x):
    return m.node('FusedConv', x, m.weights(3, 3, 1, 1), activation='Relu', domain='com.microsoft')


def branched(m, x):
    def branch(op):
        return helper.make_graph([helper.make_node(op, [x], [op])], op, [],
                                 [helper.make_tensor_value_info(op, TensorProto.FLOAT, None)])
    return m.node('If', m.constant(True, bool), then_branch=branch('Relu'), else_branch=branch('Identity'))


def own_function(m, x):
    return m.node('Twice', x, domain='local')


def imports(*domains):
    def change(model):
        for domain in domains:
            model.opset_import.append(helper.make_opsetid(domain, 1))
        body = [helper.make_node('Add', ['a', 'a'], ['b'])]
        if 'local' in domains:
            model.functions.append(helper.make_function('local', 'Twice', ['a'], ['b'], body, [helper.make_opsetid('', 13)]))
    return change


def input_type(number):
    def change(model):
        model.graph.input[0].type.tensor_type.elem_type = number
    return change


def batch(size):
    def change(model):
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = size
    return change


def sparse(model):
    values = numpy_helper.from_array(np.ones(1, np.float32), 'sparse')
    indices = numpy_helper.from_array(np.zeros(1, np.int64), 'indices')
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


def second_input(model):
    model.graph.input.append(helper.make_tensor_value_info('scale', TensorProto.FLOAT, [1]))


def as_float(m, x):
    return m.node('Cast', x, to=TensorProto.FLOAT)


def doubled(m, x):
    return as_float(m, m.node('Mul', x, m.constant(2, np.int32)))


# The model, and words of the sentence (none: it is taken).
CASES = (
    (network(quantized), ('QuantizeLinear_', 'is not one that posenet knows')),
    (network(fused, change=imports('com.microsoft')), ('FusedConv_', 'domain "com.microsoft"')),
    (network(branched), ('operator If', 'is not one that posenet knows')),
    (network(own_function, change=imports('local')), ('(Twice', 'domain "local"')),
    (network(change=imports('local', 'com.microsoft', 'ai.onnx.ml')), ()),
    (network(opset=29), ('opset 29', '7 to 28')),
    (network(opset=28), ()),
    (network(as_float, change=input_type(TensorProto.UINT8)), ()),
    (network(as_float, change=input_type(TensorProto.INT8)), ('"image"', 'no 0..255')),
    (network(doubled, change=input_type(TensorProto.INT32)), ('computes with input "image" before it is cast',)),
    (network(change=input_type(TensorProto.UINT8)), ('(Div)', 'has real elements, integer are needed')),
    (network(as_float, change=input_type(TensorProto.FLOAT16)), ()),
    (network(change=input_type(TensorProto.STRING)), ('string',)),
    (network(change=batch(0)), ('batch at 0',)),
    (network(change=batch(-1)), ()),
    (network(change=sparse), ('sparse',)),
    (network(change=second_input), ('2 inputs',)),
)


def trial(path, words):
    r = run('inspect', path, '--json', os.devnull, '--size', '65x65')
    if not words:
        return r.stderr if r.returncode else None
    if r.returncode != 2 or r.stderr.count('\n') != 1:
        return 'exit %d: %s' % (r.returncode, r.stderr)
    missing = [word for word in words if word not in r.stderr]
    return 'no %s in: %s' % (missing, r.stderr) if missing else None


def main():
    failed = 0
    with tempfile.TemporaryDirectory(prefix='posenet-refused-') as folder:
        path = os.path.join(folder, 'model.onnx')
        for number, (model, words) in enumerate(CASES):
            onnx.save(model, path)
            wrong = trial(path, words)
            failed += wrong is not None
            if wrong:
                print('FAILED: case %d: %s' % (number, wrong))
    print('%d models, %d failed' % (len(CASES), failed))
    return 1 if failed else 0


if __name__ == '__main__':
    raise SystemExit(main())
