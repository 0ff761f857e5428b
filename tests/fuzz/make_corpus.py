#!/usr/bin/env python3
"""Makes the ONNX fuzzers' seed corpus: a tiny model of each operator and form, and a tiny PoseNet.

  make_corpus.py [FOLDER]        default: corpus/onnx beside this file

The files are inputs of the fuzzers and are kept in git; this only has to run when the list changes.
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(7)


def floats(name, *shape):
    return numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)


def integers(name, *numbers):
    return numpy_helper.from_array(np.array(numbers, np.int64), name)


def info(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(opset, nodes, outputs, constants=(), shape=(1, 3, 5, 5)):
    graph = helper.make_graph(nodes, "g", [info("x", shape)], [info(o, None) for o in outputs], list(constants))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    made.producer_name = ""
    return made


def one(opset, op, inputs="x", outputs="y", constants=(), shape=(1, 3, 5, 5), **attributes):
    outputs = outputs.split(",")
    return model(opset, [helper.make_node(op, inputs.split(","), outputs, **attributes)], outputs, constants, shape)


def windows():
    w = floats("w", 4, 3, 3, 3)
    yield "conv_same", one(13, "Conv", "x,w,b", constants=[w, floats("b", 4)], auto_pad="SAME_UPPER", strides=[2, 2])
    yield "conv_lower", one(8, "Conv", "x,w", constants=[w], auto_pad="SAME_LOWER", dilations=[2, 2])
    yield "conv_pads", one(11, "Conv", "x,w", constants=[w], pads=[0, 1, 2, 1], kernel_shape=[3, 3])
    yield "conv_depthwise", one(13, "Conv", "x,w", constants=[floats("w", 3, 1, 3, 3)], group=3, pads=[1, 1, 1, 1])
    yield "max_pool", one(12, "MaxPool", kernel_shape=[2, 3], strides=[2, 1], ceil_mode=1, pads=[0, 1, 1, 1])
    yield "max_pool_dilated", one(12, "MaxPool", kernel_shape=[2, 2], dilations=[2, 2])


def elements():
    for op in ("Add", "Sub", "Mul", "Div", "Min", "Max"):
        yield op.lower(), one(13, op, "x,c", constants=[floats("c", 1, 3, 1, 1)])
    for op in ("Relu", "Sigmoid", "Sqrt", "Floor", "Ceil", "Identity", "Flatten", "Dropout"):
        yield op.lower(), one(13, op)
    yield "clip_6", one(8, "Clip", min=0.0, max=6.0)
    yield "clip_11", one(13, "Clip", "x,,hi", constants=[numpy_helper.from_array(np.float32(6), "hi")])
    batch = [floats(n, 3) for n in "sbmv"]
    yield "batch_normalization", one(13, "BatchNormalization", "x,s,b,m,v", constants=batch, epsilon=1e-3)
    yield "cast", one(13, "Cast", to=TensorProto.DOUBLE)


def moves():
    pads = integers("p", 0, 0, 1, 1, 0, 0, 2, 2)
    yield "pad_2", one(7, "Pad", pads=[0, 0, 1, 1, 0, 0, 2, 2], mode="reflect")
    yield "pad_13", one(13, "Pad", "x,p", constants=[pads], mode="edge")
    yield "pad_18", one(19, "Pad", "x,p,,a", constants=[integers("p", 1, -1), integers("a", 2)])
    yield "transpose", one(13, "Transpose", perm=[0, 2, 3, 1])
    yield "reshape", one(13, "Reshape", "x,s", constants=[integers("s", 0, -1, 5)])
    yield "gather", one(13, "Gather", "x,i", constants=[integers("i", 2, -1)], axis=1)
    yield "concat", one(13, "Concat", "x,x,c", constants=[floats("c", 1, 3, 2, 5)], axis=2)
    yield "split_11", one(11, "Split", outputs="y,z", split=[1, 2], axis=1)
    yield "split_18", one(18, "Split", outputs="y,z", num_outputs=2, axis=3)
    yield "slice_9", one(9, "Slice", starts=[1], ends=[-1], axes=[2])
    yield "slice_13", one(13, "Slice", "x,b,e,a,s", constants=[integers("b", -1), integers("e", -99),
                                                               integers("a", 3), integers("s", -2)])
    yield "squeeze_unsqueeze", model(13, [helper.make_node("Squeeze", ["x", "a"], ["t"]),
                                          helper.make_node("Unsqueeze", ["t", "b"], ["y"])], ["y"],
                                     [integers("a", 0), integers("b", 3)])
    yield "expand", one(13, "Expand", "x,s", constants=[integers("s", 2, 1, 5, 5)])


def resizes():
    scales = numpy_helper.from_array(np.array([1, 1, 2, 1.5], np.float32), "s")
    yield "upsample_7", one(7, "Upsample", scales=[1.0, 1.0, 2.0, 2.0])
    yield "upsample_9", one(9, "Upsample", "x,s", constants=[scales], mode="linear")
    yield "resize_10", one(10, "Resize", "x,s", constants=[scales])
    for i, coordinates in enumerate(("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")):
        rounding = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")[i]
        yield f"resize_nearest_{i}", one(13, "Resize", "x,,s", constants=[scales], nearest_mode=rounding,
                                         coordinate_transformation_mode=coordinates)
        yield f"resize_linear_{i}", one(13, "Resize", "x,,,n", constants=[integers("n", 1, 3, 3, 9)], mode="linear",
                                        coordinate_transformation_mode=coordinates)


def chains():
    """Shapes that become known with the input's size."""
    nodes = [helper.make_node("Shape", ["x"], ["shape"]),
             helper.make_node("Gather", ["shape", "two"], ["side"]),
             helper.make_node("Constant", [], ["half"], value_ints=[2]),
             helper.make_node("Div", ["side", "half"], ["small"]),
             helper.make_node("Cast", ["small"], ["real"], to=TensorProto.FLOAT),
             helper.make_node("Floor", ["real"], ["floor"]),
             helper.make_node("Cast", ["floor"], ["whole"], to=TensorProto.INT64),
             helper.make_node("Concat", ["minus", "whole"], ["target"], axis=0),
             helper.make_node("ConstantOfShape", ["one"], ["zero"], value=integers("v", 0)),
             helper.make_node("Slice", ["x", "zero", "whole", "two"], ["cut"]),
             helper.make_node("Reshape", ["cut", "target"], ["y"])]
    constants = [integers("two", 2), integers("minus", -1), integers("one", 1)]
    yield "shape_chain", model(13, nodes, ["y"], constants, ("n", 3, "h", "w"))


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs.split(","), output.split(","), **attributes)


def folds():
    """What is computed of constants alone, and then read by something that is not."""
    real = [node("Transpose", "c", "t", perm=[0, 1, 3, 2]), node("Sqrt", "t", "q"), node("Sigmoid", "q", "s"),
            node("Ceil", "s", "u"), node("Relu", "u", "v"), node("Min", "v,half", "m"), node("Max", "m,q", "n"),
            node("Clip", "n,lo,", "k"), node("Squeeze", "k,zero", "z"), node("Unsqueeze", "z,zero", "w"),
            node("Split", "w", "a,b", axis=1), node("Concat", "a,b,a", "o", axis=1), node("Flatten", "o", "f", axis=2),
            node("Slice", "f,one,two,zero", "g"), node("Gather", "g,zero", "h", axis=1), node("Expand", "h,shape", "e"),
            node("Cast", "e", "i", to=TensorProto.INT64), node("Cast", "i", "r", to=TensorProto.FLOAT),
            node("Mul", "x,r", "y")]
    constants = [numpy_helper.from_array(np.full((1, 2, 3, 1), 0.25, np.float32), "c"), integers("zero", 0),
                 integers("one", 1), integers("two", 2), integers("shape", 1, 3, 1, 1), floats("half", 1, 1, 1, 3),
                 numpy_helper.from_array(np.float32(0.5), "lo")]
    yield "folds_real", model(13, real, ["y"], constants)
    whole = [node("Shape", "c", "s", start=1), node("Mul", "s,two", "a"), node("Sub", "a,two", "b"),
             node("Div", "b,two", "d"), node("Max", "d,two", "m"), node("Min", "m,a", "n"), node("Clip", "n,two,", "k"),
             node("Concat", "one,k", "o", axis=0), node("ConstantOfShape", "o", "f"), node("Add", "x,f", "y")]
    yield "folds_whole", model(15, whole, ["y"], [floats("c", 1, 4, 6, 6)] + [
        integers("two", 2), integers("one", 1)])


def unit():
    """What the rewrites merge: a residual unit, batch normalisation, arithmetic and pads beside a convolution."""
    nodes = [node("Mul", "x,h", "s"), node("Pad", "s,p", "sp"), node("Conv", "sp,w7", "c", strides=[2, 2]),
             node("BatchNormalization", "c,g,g,z,g", "n"), node("Mul", "n,k", "nk"), node("Sub", "k,nk", "ns"),
             node("Div", "ns,h", "nd"), node("Relu", "nd", "r"), node("Pad", "r,p1,inf", "rp"),
             node("MaxPool", "rp", "m", kernel_shape=[3, 3], strides=[2, 2]),
             node("Conv", "m,w3", "u", pads=[2, 2, 2, 2], dilations=[2, 2]), node("Clip", "u,z0,six", "uc"),
             node("Conv", "uc,w1", "v"), node("Add", "v,m", "a"), node("Relu", "a", "o"), node("Min", "o,six", "y")]
    constants = [numpy_helper.from_array(np.full((1,), 0.5, np.float32), "h"), integers("p", 0, 0, 3, 3, 0, 0, 3, 3),
                 integers("p1", 0, 0, 1, 1, 0, 0, 1, 1), numpy_helper.from_array(np.float32(-np.inf), "inf"),
                 numpy_helper.from_array(np.float32(0), "z0"), numpy_helper.from_array(np.float32(6), "six"),
                 floats("w7", 2, 3, 7, 7), floats("w3", 2, 2, 3, 3), floats("w1", 2, 2, 1, 1), floats("k", 1, 2, 1, 1),
                 numpy_helper.from_array(np.ones(2, np.float32), "g"), floats("z", 2)]
    yield "unit", model(13, nodes, ["y"], constants, ("n", 3, "h", "w"))


def nhwc():
    """A PoseNet as TensorFlow has it, even sides, two pictures, heads that only their channels tell."""
    nodes = [node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
             node("Conv", "t,w", "c", strides=[4, 4], auto_pad="SAME_UPPER"), node("Relu", "c", "r"),
             node("Conv", "r,d", "e", group=2, strides=[4, 4], auto_pad="SAME_LOWER"),
             node("Conv", "e,w0", "f0"), node("Sigmoid", "f0", "f1"), node("Transpose", "f1", "a", perm=[0, 2, 3, 1]),
             node("Conv", "e,w1", "f2"), node("Transpose", "f2", "b", perm=[0, 2, 3, 1]), node("Conv", "e,w2", "f3"),
             node("Split", "f3", "f4,f5", axis=1), node("Transpose", "f4", "displacement_fwd", perm=[0, 2, 3, 1]),
             node("Transpose", "f5", "displacement_bwd", perm=[0, 2, 3, 1])]
    constants = [floats("w", 2, 3, 3, 3), floats("d", 2, 1, 3, 3), floats("w0", 17, 2, 1, 1), floats("w1", 34, 2, 1, 1),
                 floats("w2", 64, 2, 1, 1)]
    outputs = ["a", "b", "displacement_fwd", "displacement_bwd"]
    yield "nhwc", model(11, nodes, outputs, constants, (2, 34, 48, 3))


def external():
    """Elements in the file that fuzz_onnx.c lays beside a model."""
    w = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 3, 3, 3],
                         data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "data"), ("offset", "256"), ("length", "432")):
        w.external_data.add(key=key, value=value)
    yield "external", one(13, "Conv", "x,w", constants=[w])


def posenet():
    """The smallest network with PoseNet's four heads."""
    nodes = [helper.make_node("Pad", ["x", "p"], ["padded"]),
             helper.make_node("Conv", ["padded", "w", "b"], ["c"], strides=[2, 2]),
             helper.make_node("Clip", ["c", "lo", "hi"], ["r"]),
             helper.make_node("Conv", ["r", "d"], ["e"], group=4, auto_pad="SAME_UPPER", strides=[2, 2]),
             helper.make_node("BatchNormalization", ["e", "bs", "bb", "bm", "bv"], ["n"]),
             helper.make_node("Conv", ["n", "k"], ["t"], auto_pad="SAME_UPPER", strides=[4, 4]),
             helper.make_node("Relu", ["t"], ["f"]),
             helper.make_node("Add", ["f", "f"], ["s"])]
    constants = [integers("p", 0, 0, 1, 1, 0, 0, 1, 1), floats("w", 4, 3, 3, 3), floats("b", 4),
                 numpy_helper.from_array(np.float32(0), "lo"), numpy_helper.from_array(np.float32(6), "hi"),
                 floats("d", 4, 1, 3, 3), floats("k", 2, 4, 1, 1), floats("bs", 4), floats("bb", 4), floats("bm", 4),
                 numpy_helper.from_array(np.ones(4, np.float32), "bv")]
    heads = {"heatmap": 17, "offset": 34, "displacement_fwd": 32, "displacement_bwd": 32}
    for name, channels in heads.items():
        nodes.append(helper.make_node("Conv", ["s", f"w_{name}"], [name]))
        constants.append(floats(f"w_{name}", channels, 2, 1, 1))
    yield "posenet", model(13, nodes, list(heads), constants, ("n", 3, "h", "w"))


def data_forms():
    c = helper.make_tensor("c", TensorProto.FLOAT16, [2], np.array([1, -2.5], np.float16).tobytes(), raw=True)
    d = helper.make_tensor("d", TensorProto.DOUBLE, [2], [0.5, 1e300])
    e = helper.make_tensor("e", TensorProto.INT32, [2], [-1, 7])
    f = helper.make_tensor("f", TensorProto.UINT64, [1], [9])
    yield "constants", model(13, [], ["c", "d", "e", "f"], [c, d, e, f])


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "corpus/onnx"
    folder.mkdir(parents=True, exist_ok=True)
    for family in (windows, elements, moves, resizes, chains, folds, unit, nhwc, external, posenet, data_forms):
        for name, made in family():
            (folder / f"{name}.onnx").write_bytes(made.SerializeToString())


main()
