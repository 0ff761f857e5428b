"""JAX (XLA) on CUDA: the ONNX file's nodes as one jitted function, compiled ahead of time, in the layouts that XLA
chooses for its arguments."""
import os

import numpy as np

from _worker import Missing, head_outputs, main, one_by_one, to_nhwc, wants_nchw

VARIANTS = [{"name": "jax-jit", "device": "cuda"}]


def padding(attributes, rank=2):
    auto = attributes.get("auto_pad", b"NOTSET").decode()
    if auto in ("SAME_UPPER", "VALID"):
        return "SAME" if auto == "SAME_UPPER" else "VALID"
    if auto == "SAME_LOWER":
        return "SAME_LOWER"
    pads = attributes.get("pads", [0] * 2 * rank)
    return list(zip(pads[:rank], pads[rank:]))


def build(path, wanted, dtype, precision):
    """(f(x, weights) -> heads, weights, input value). Refuses operators that it does not know."""
    import jax
    import jax.numpy as jnp
    import onnx
    from onnx import numpy_helper
    lax = jax.lax
    graph = onnx.load(path).graph
    weights = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    weights = {k: v.astype(dtype) if v.dtype == np.float32 else v for k, v in weights.items()}
    source = next(i for i in graph.input if i.name not in weights)
    needed, nodes = set(wanted), []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            nodes.insert(0, (node, {a.name: onnx.helper.get_attribute_value(a)
                                    for a in node.attribute}))

    def conv(a, x, w, b=None):
        y = lax.conv_general_dilated(
            x, w, a.get("strides", [1, 1]), padding(a), rhs_dilation=a.get("dilations", [1, 1]),
            dimension_numbers=("NCHW", "OIHW", "NCHW"), feature_group_count=a.get("group", 1),
            precision=precision)
        return y if b is None else y + b[None, :, None, None]

    def max_pool(a, x):
        pads = padding(a)
        pads = [(0, 0), (0, 0), *pads] if isinstance(pads, list) else pads
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, *a["kernel_shape"]),
                                 (1, 1, *a.get("strides", [1, 1])), pads)

    def clip(a, x, low=None, high=None):
        return jnp.clip(x, a.get("min") if low is None else low,
                        a.get("max") if high is None else high)

    def pad(a, x, pads=None, value=0):
        pads = np.asarray(a["pads"] if pads is None else pads)
        half = len(pads) // 2
        return jnp.pad(x, list(zip(pads[:half], pads[half:])), constant_values=value)

    def batch_norm(a, x, scale, bias, mean, variance):
        k = scale / jnp.sqrt(variance + a.get("epsilon", 1e-5))
        return x * k[None, :, None, None] + (bias - mean * k)[None, :, None, None]

    known = {"Conv": conv, "MaxPool": max_pool, "Clip": clip, "Pad": pad,
             "BatchNormalization": batch_norm, "Relu": lambda a, x: jnp.maximum(x, 0),
             "Sigmoid": lambda a, x: jax.nn.sigmoid(x), "Identity": lambda a, x: x,
             "Transpose": lambda a, x: x.transpose(a["perm"]), "Add": lambda a, x, y: x + y,
             "Sub": lambda a, x, y: x - y, "Mul": lambda a, x, y: x * y,
             "Div": lambda a, x, y: x / y}
    for node, _ in nodes:
        if node.op_type not in known:
            raise ValueError(f"{node.op_type} is not covered by this worker")
    # Sizes and limits must be plain numbers while XLA compiles; only the large arrays are arguments.
    small = {k: v for k, v in weights.items() if v.ndim < 1 or v.dtype.kind == "i"}
    large = {k: v for k, v in weights.items() if k not in small}

    def f(x, arrays):
        values = {source.name: x, **small, **arrays}
        for node, attributes in nodes:
            args = [values[i] if i else None for i in node.input]
            values[node.output[0]] = known[node.op_type](attributes, *args)
        return [values[name] for name in wanted]

    return f, large, source


class Jax:
    @staticmethod
    def load(_variant):
        # Memory as it is needed: others measure on the same GPU.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        try:
            import jax  # noqa: F401
            import onnx  # noqa: F401
        except ImportError as e:
            raise Missing("jax: " + str(e)) from e

    def __init__(self, variant, case):
        import jax
        import onnx
        if not any(d.platform == "gpu" for d in jax.devices()):
            raise Missing("jax: sees no GPU")
        self.jax = jax
        self.dtype = np.float16 if case["precision"] == "fp16" else np.float32
        precision = "highest" if case["precision"] == "fp32" else "default"
        names = [o.name for o in onnx.load(case["model"]).graph.output]
        self.heads = head_outputs(names)
        self.network, self.weights, source = build(case["model"], [names[i] for i in self.heads.values()],
                                                   self.dtype, precision)
        dims = source.type.tensor_type.shape.dim
        self.nchw = wants_nchw([d.dim_value or d.dim_param for d in dims])
        size = (case["height"], case["width"])
        self.shape = (case["batch"], 3, *size) if self.nchw else (case["batch"], *size, 3)
        self.version = f"jax {jax.__version__}, {jax.devices()[0].device_kind}"

    def choose(self):
        """Compiles, while XLA times the libraries' algorithms. Arguments lie in memory as XLA likes them best, where
        it has the choice: else it turns every filter around in every call."""
        from jax.experimental.layout import Format, Layout
        x = self.jax.ShapeDtypeStruct(self.shape, self.dtype)
        shapes = {name: self.jax.ShapeDtypeStruct(w.shape, w.dtype) for name, w in self.weights.items()}
        try:
            self.run = self.jax.jit(self.network, in_shardings=Format(Layout.AUTO)).lower(x, shapes).compile()
            self.settings = "automatic layouts"
        except self.jax.errors.JaxRuntimeError:
            self.run = self.jax.jit(self.network).lower(x, shapes).compile()
        (self.format, formats), _ = self.run.input_formats
        self.weights = self.jax.device_put(self.weights, formats)
        self.x = self.jax.device_put(np.zeros(self.shape, self.dtype), self.format)

    def infer(self, array):
        array = array.transpose(0, 3, 1, 2) if self.nchw else array
        self.x = self.jax.device_put(np.ascontiguousarray(array, self.dtype), self.format)
        return dict(zip(self.heads, map(np.asarray, self.call())))

    def call(self):
        return self.jax.block_until_ready(self.run(self.x, self.weights))

    def open_frames(self, frame, letterbox, decoder):
        jax, jnp = self.jax, self.jax.numpy
        self.pixels = np.repeat(frame.reshape(1, -1, 3), len(self.x), 0)
        n, height, width = len(self.x), letterbox.height, letterbox.width
        constants = jax.device_put((letterbox.index, [o[..., None] for o in letterbox.outside], letterbox.fx,
                                    letterbox.fy, letterbox.shift))

        def boxed(pixels, index, outside, fx, fy, shift):
            corners = [jnp.where(o, 0, pixels[:, i].astype(jnp.float32)) for i, o in zip(index, outside)]
            picture = letterbox.blend(corners, fx, fy) * letterbox.scale + shift
            whole = jnp.broadcast_to(shift, (n, height, width, 3))
            whole = whole.at[:, letterbox.rows, letterbox.columns].set(picture).astype(self.dtype)
            return whole.transpose(0, 3, 1, 2) if self.nchw else whole

        self.boxed = jax.jit(boxed, out_shardings=self.format).lower(self.pixels, *constants).compile()
        self.constants, self.decoder = constants, decoder
        outputs = self.run(self.boxed(self.pixels, *constants), self.weights)
        self.traffic = (self.pixels.nbytes, sum(o.nbytes for o in outputs))

    def frames(self):
        self.outputs = self.run(self.boxed(self.pixels, *self.constants), self.weights)
        return [self.decoder.several(one) for one in one_by_one(to_nhwc(self.frame_heads()))]

    def frame_heads(self):
        return dict(zip(self.heads, self.jax.device_get(self.outputs)))


main(VARIANTS, Jax)
