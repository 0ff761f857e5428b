#!/usr/bin/env python3
"""Makes the TF.js fuzzer's seed corpus: tiny models in the form that fuzz_tfjs.c takes.

  make_tfjs_corpus.py [FOLDER]        default: corpus/tfjs beside this file

The files are kept in git; this only has to run when the list changes.
"""
import json
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from tfjs_maker import Maker  # noqa: E402


def tiny(make, **spelling):
    m = Maker(**spelling)
    x = m.input('x')
    make(m, m.conv(x, 3, 2, 1, name='c'))
    return m


def dilated(m, x):
    pads, crops = m.dynamic_sides(x, (2, 2), (2, 2), (2, 2))
    m.join(m.conv(m.split(x, (2, 2), pads), 2, 2, padding='VALID'), (2, 2), crops)


def fixed(m, x):
    pads, crops = m.constant([[2, 2], [2, 3]]), m.constant([[0, 0], [0, 1]])
    m.join(m.bias(m.depthwise(m.split(x, (2, 2), pads), 2, 2, padding='VALID'), 4), (2, 2), crops)


def models():
    yield 'relu6', tiny(lambda m, x: m.node('Relu6', x, T='DT_FLOAT'))
    yield 'same', tiny(lambda m, x: m.conv(x, 2, 2, 3, 2), numbers=True)
    yield 'explicit', tiny(lambda m, x: m.conv(x, 2, 2, 3, 2, 'EXPLICIT', explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0]))
    yield 'codes', tiny(lambda m, x: m.conv(x, 2, 1, 1), codes=True, type_numbers=True)
    yield 'bias', tiny(lambda m, x: m.bias(x, 2))
    yield 'fused', tiny(lambda m, x: m.conv(x, 2, 2, 1, op='_FusedConv2D', extra=[m.random_constant(2), x],
                                            fused_ops=['BiasAdd', 'Add', 'Relu']))
    yield 'batch_norm', tiny(lambda m, x: m.node('FusedBatchNormV3', x, *[m.random_constant(2) for _ in range(4)],
                                                 T='DT_FLOAT', epsilon=0.5))
    yield 'binary', tiny(lambda m, x: m.node('Sub', m.random_constant(2), m.node('Mul', x, x, T='DT_FLOAT'), T='DT_FLOAT'))
    yield 'pool', tiny(lambda m, x: m.node('MaxPool', x, T='DT_FLOAT', ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1],
                                           padding='SAME'))
    yield 'pad', tiny(lambda m, x: m.node('PadV2', x, m.constant([[0, 0], [1, 0], [0, 1], [0, 0]]), m.random_constant(),
                                          T='DT_FLOAT'))
    for storage in ('uint8', 'uint16', 'float16'):
        yield storage, tiny(lambda m, x, s=storage: m.conv(x, 2, 2, 1, storage=s))
    yield 'dilated', tiny(dilated)
    yield 'fixed', tiny(fixed)
    signed = tiny(lambda m, x: m.node('Identity', m.node('Sigmoid', x, T='DT_FLOAT'), T='DT_FLOAT', name='Identity'))
    signed.signature = {'outputs': {'Identity:0': {'name': 'Identity:0'}}}
    yield 'signature', signed


def packed(m):
    document, shards = m.document(groups=2)
    data = list(shards.values())
    for group, name in zip(document['weightsManifest'], 'ab'):
        group['paths'] = [name]
    text = json.dumps(document, separators=(',', ':')).encode()
    return struct.pack('<HH', len(text), len(data[0])) + text + b''.join(data)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / 'corpus' / 'tfjs')
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in models():
        (folder / name).write_bytes(packed(model))


main()
