"""ONNX Runtime: on the CPU with every graph optimisation and as many threads as the case says; on CUDA in
both layouts, and through its TensorRT provider, in a CUDA graph. Inputs and outputs are bound to memory that
stays, everywhere.

fp16 on CUDA runs the file with its initialisers, inputs and outputs converted, which is what ONNX Runtime's
users do; for CUDA the input's size is written into the file. cuDNN is asked for convolutions by both of its
heuristics, and the faster way is kept. PyTorch holds the bound buffers, and in the frame
measure brings the picture up and letterboxes it, in a CUDA graph of its own that is waited for before the
network starts.
"""
import statistics
import time
from ctypes.util import find_library

import numpy as np

from _worker import Missing, head_outputs, main, one_by_one, to_nhwc, wants_nchw

VARIANTS = [{"name": "onnxruntime-cpu", "device": "cpu"},
            {"name": "onnxruntime-cuda", "device": "cuda"},
            {"name": "onnxruntime-cuda-nhwc", "device": "cuda"},
            {"name": "onnxruntime-tensorrt", "device": "cuda"}]

PROVIDERS = {"onnxruntime-cpu": "CPUExecutionProvider", "onnxruntime-cuda": "CUDAExecutionProvider",
             "onnxruntime-cuda-nhwc": "CUDAExecutionProvider",
             "onnxruntime-tensorrt": "TensorrtExecutionProvider"}


def fixed_model(path, size, batch, half):
    """(the file's bytes for one size of input, {output: its dims}), in fp16 throughout if `half`."""
    import onnx
    from onnx import TensorProto, numpy_helper
    model = onnx.load(path)
    graph = model.graph
    names = {i.name for i in graph.initializer}
    source = next(i for i in graph.input if i.name not in names)
    dims = source.type.tensor_type.shape.dim
    nchw = wants_nchw([d.dim_value or d.dim_param for d in dims])
    for dim, value in zip(dims, (batch, 3, *size) if nchw else (batch, *size, 3)):
        dim.dim_value = value
    for i, tensor in enumerate(graph.initializer):
        if half and tensor.data_type == TensorProto.FLOAT:
            numbers = numpy_helper.to_array(tensor).astype(np.float16)
            graph.initializer[i].CopyFrom(numpy_helper.from_array(numbers, tensor.name))
    for value in [*graph.input, *graph.output]:
        if half and value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    del graph.value_info[:]
    model = onnx.shape_inference.infer_shapes(model)
    shapes = {o.name: [d.dim_value for d in o.type.tensor_type.shape.dim] for o in model.graph.output}
    return model.SerializeToString(), shapes


# Two of cuDNN's heuristics since version 1.20, which time nothing (DEFAULT would be its slow fallbacks).
SEARCHES = ("EXHAUSTIVE", "HEURISTIC")


def provider_options(variant, precision):
    """Every set of options that is worth a try. A bias fused into its convolution was faster in NHWC and slower in
    NCHW in each of 23 choices on an H200."""
    if variant == "onnxruntime-cpu":
        return [{}]
    if variant == "onnxruntime-tensorrt":
        return [{"trt_cuda_graph_enable": "1", "trt_fp16_enable": str(int(precision == "fp16")),
                 "trt_builder_optimization_level": "5"}]
    nhwc = str(int(variant == "onnxruntime-cuda-nhwc"))
    # Without use_tf32 the provider keeps every convolution off the tensor cores, those of fp16 as well.
    fixed = {"enable_cuda_graph": "1", "use_tf32": str(int(precision != "fp32")), "prefer_nhwc": nhwc,
             "fuse_conv_bias": nhwc}
    return [{**fixed, "cudnn_conv_algo_search": search} for search in SEARCHES]


class Session:
    """One way to run the model, and what is bound to it."""

    def __init__(self, ort, model, options, provider, settings):
        self.settings = settings
        self.session = ort.InferenceSession(model, options, providers=[(provider, settings)])
        if self.session.get_providers()[0] != provider:
            raise Missing(provider + " could not be loaded, or what it needs is not installed")
        self.input = self.session.get_inputs()[0]
        self.nchw = wants_nchw(self.input.shape)
        names = [o.name for o in self.session.get_outputs()]
        self.heads = head_outputs(names)
        self.names = [names[i] for i in self.heads.values()]
        self.binding = self.session.io_binding()

    def bind(self, torch, dtype, shapes):
        """To memory on the GPU. Never run before: the first run captures a CUDA graph, which keeps its addresses."""
        kind = torch.float16 if dtype == np.float16 else torch.float32
        self.x = torch.zeros(self.input.shape, dtype=kind, device="cuda")
        self.outputs = [torch.zeros(shapes[name], dtype=kind, device="cuda") for name in self.names]
        self.binding.bind_input(self.input.name, "cuda", 0, dtype, self.input.shape, self.x.data_ptr())
        for name, out in zip(self.names, self.outputs):
            self.binding.bind_output(name, "cuda", 0, dtype, list(out.shape), out.data_ptr())
        torch.cuda.synchronize()
        self.call()

    def call(self):
        """Waits for the result: ONNX Runtime synchronises its stream at the end of a run."""
        self.session.run_with_iobinding(self.binding)

    def timed(self):
        start = time.perf_counter()
        self.call()
        return time.perf_counter() - start


class OnnxRuntime:
    @staticmethod
    def load(variant):
        if variant == "onnxruntime-tensorrt" and not find_library("nvinfer"):
            raise Missing("libnvinfer, TensorRT's library, is not installed")
        try:
            if variant != "onnxruntime-cpu":
                import torch  # its wheels bring the CUDA libraries that the provider needs
                if not torch.cuda.is_available():
                    raise Missing("onnxruntime: sees no GPU")
            import onnx  # noqa: F401
            import onnxruntime as ort
        except ImportError as e:
            raise Missing("onnxruntime: " + str(e)) from e
        if PROVIDERS[variant] not in ort.get_available_providers():
            raise Missing(f"onnxruntime {ort.__version__} has no {PROVIDERS[variant]}")

    def __init__(self, variant, case):
        import onnxruntime as ort
        self.ort, self.provider = ort, PROVIDERS[variant]
        self.version = "onnxruntime " + ort.__version__
        self.cuda = variant != "onnxruntime-cpu"
        if case["precision"] != "fp32" and not self.cuda:
            raise ValueError("the CPU provider computes in fp32 only")
        self.options = ort.SessionOptions()
        self.options.log_severity_level = 4  # an option that does not fit raises; its pages of warnings help nobody
        self.options.intra_op_num_threads = case["threads"]
        self.options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        if not self.cuda:
            self.one = Session(ort, case["model"], self.options, self.provider, {})
            self.nchw = self.one.nchw
            return
        import torch
        self.torch, half = torch, case["precision"] == "fp16"
        self.dtype = np.float16 if half else np.float32
        self.model, self.shapes = fixed_model(case["model"], (case["height"], case["width"]), case["batch"], half)
        self.ways, self.opened = provider_options(variant, case["precision"]), []
        self.open_frames, self.frames = self._open_frames, self._frames
        if variant != "onnxruntime-tensorrt":  # which times what it builds from
            self._open_ways()

    def _open_ways(self):
        """One that cannot run the model is out."""
        why = None
        for way in self.ways:
            try:
                one = Session(self.ort, self.model, self.options, self.provider, way)
                one.bind(self.torch, self.dtype, self.shapes)
                self.opened.append(one)
            except Missing:
                raise
            except Exception as e:  # ONNX Runtime's errors have no base of their own
                why = e
        if not self.opened:
            raise why

    def choose(self):
        """Keeps the way whose calls take least."""
        if not self.cuda:
            return
        if not self.opened:
            self._open_ways()
        self.one = min(self.opened, key=lambda one: statistics.median(one.timed() for _ in range(20)))
        self.opened, self.nchw = [], self.one.nchw
        told = {name: self.one.settings.get(name) for name in ("cudnn_conv_algo_search", "fuse_conv_bias")}
        self.settings = ", ".join(f"{name} {value}" for name, value in told.items() if value)

    def infer(self, array):
        return self.predict(array.transpose(0, 3, 1, 2) if self.nchw else array)

    def predict(self, array):
        one, array = self.one, np.ascontiguousarray(array)
        if self.cuda:
            one.x.copy_(self.torch.from_numpy(array))
            self.torch.cuda.synchronize()
        else:
            self.bound = array  # kept, since the binding knows its address only
            one.binding.bind_cpu_input(one.input.name, array)
            for name in one.names:
                one.binding.bind_output(name)
        self.call()
        return self.frame_heads()

    def call(self):
        self.one.call()

    def frame_heads(self):
        if not self.cuda:
            return dict(zip(self.one.heads, self.one.binding.copy_outputs_to_cpu()))
        return {h: o.float().cpu().numpy() for h, o in zip(self.one.heads, self.one.outputs)}

    def _open_frames(self, frame, letterbox, decoder):
        import _torch_frame
        x = self.one.x
        self.upload = _torch_frame.Upload(self.torch, frame, letterbox, x.permute(0, 2, 3, 1) if self.nchw else x)
        self.download, self.decoder = _torch_frame.Download(self.torch, self.one.outputs), decoder
        self.graph, _ = _torch_frame.captured(self.torch, self.upload.run)
        self.traffic = (self.upload.bytes, self.download.bytes)

    def _frames(self):
        self.graph.replay()
        self.torch.cuda.synchronize()
        self.call()
        self.download.run(self.one.outputs)
        self.torch.cuda.synchronize()
        heads = to_nhwc({h: t.numpy() for h, t in zip(self.one.heads, self.download.hosts)})
        return [self.decoder.several(one) for one in one_by_one(heads)]


main(VARIANTS, OnnxRuntime)
