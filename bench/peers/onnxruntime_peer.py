"""ONNX Runtime: on the CPU with every graph optimisation and as many threads as the case says; on CUDA in
both layouts, and through its TensorRT provider, in a CUDA graph. Inputs and outputs are bound to memory that
stays, everywhere.

fp16 on CUDA runs the file with its initialisers, inputs and outputs converted, which is what ONNX Runtime's
users do; for CUDA the input's size is written into the file. How cuDNN is asked for convolutions is tried in
every way that its options offer, and the fastest way is kept. PyTorch holds the bound buffers, and in the frame
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


# EXHAUSTIVE and HEURISTIC are two of cuDNN's heuristics since version 1.20 (DEFAULT would be its slow fallbacks).
WAYS = [{"cudnn_conv_algo_search": search, "fuse_conv_bias": fused}
        for search in ("EXHAUSTIVE", "HEURISTIC") for fused in ("0", "1")]


def provider_options(variant, precision):
    """Every set of options that is worth a try."""
    if variant == "onnxruntime-cpu":
        return [{}]
    if variant == "onnxruntime-tensorrt":
        return [{"trt_cuda_graph_enable": "1", "trt_fp16_enable": str(int(precision == "fp16")),
                 "trt_builder_optimization_level": "5"}]
    # Without use_tf32 the provider keeps every convolution off the tensor cores, those of fp16 as well.
    fixed = {"enable_cuda_graph": "1", "use_tf32": str(int(precision != "fp32")),
             "prefer_nhwc": str(int(variant == "onnxruntime-cuda-nhwc"))}
    return [{**fixed, **way} for way in WAYS]


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
            self._open(case["model"], {})
            return
        half = case["precision"] == "fp16"
        self.dtype = np.float16 if half else np.float32
        model, self.shapes = fixed_model(case["model"], (case["height"], case["width"]), case["batch"], half)
        self._keep_fastest(model, provider_options(variant, case["precision"]))
        self.open_frames, self.frames = self._open_frames, self._frames

    def _open(self, model, provider_options):
        self.session = self.ort.InferenceSession(model, self.options, providers=[(self.provider, provider_options)])
        if self.session.get_providers()[0] != self.provider:
            raise Missing(self.provider + " could not be loaded, or what it needs is not installed")
        self.input = self.session.get_inputs()[0]
        self.nchw = wants_nchw(self.input.shape)
        names = [o.name for o in self.session.get_outputs()]
        self.heads = head_outputs(names)
        self.names = [names[i] for i in self.heads.values()]
        self.binding = self.session.io_binding()

    def _keep_fastest(self, model, ways):
        """Opens `model` with that set of options whose calls take least; one that cannot run it is out."""
        times, why = {}, None
        for i, way in enumerate(ways):
            try:
                self._open_bound(model, way)
                times[i] = statistics.median(self._timed() for _ in range(20))
            except Missing:
                raise
            except Exception as e:  # ONNX Runtime's errors have no base of their own
                why = e
        if not times:
            raise why
        best = min(times, key=times.get)
        if best != i:
            self._open_bound(model, ways[best])
        self.settings = ", ".join(f"{name} {ways[best][name]}" for name in WAYS[0] if name in ways[best])

    def _open_bound(self, model, way):
        # Never run unbound: the first run captures a CUDA graph, which keeps the addresses of that run.
        import torch
        self.torch, kind = torch, torch.float16 if self.dtype == np.float16 else torch.float32
        self.binding = self.session = None  # its memory is the next one's
        self._open(model, way)
        self.x = torch.zeros(self.input.shape, dtype=kind, device="cuda")
        self.outputs = [torch.zeros(self.shapes[name], dtype=kind, device="cuda") for name in self.names]
        self.binding.bind_input(self.input.name, "cuda", 0, self.dtype, self.input.shape, self.x.data_ptr())
        for name, out in zip(self.names, self.outputs):
            self.binding.bind_output(name, "cuda", 0, self.dtype, list(out.shape), out.data_ptr())
        self.torch.cuda.synchronize()
        self.call()

    def _timed(self):
        start = time.perf_counter()
        self.call()
        return time.perf_counter() - start

    def infer(self, array):
        return self.predict(array.transpose(0, 3, 1, 2) if self.nchw else array)

    def predict(self, array):
        array = np.ascontiguousarray(array)
        if self.cuda:
            self.x.copy_(self.torch.from_numpy(array))
            self.torch.cuda.synchronize()
        else:
            self.bound = array  # kept, since the binding knows its address only
            self.binding.bind_cpu_input(self.input.name, array)
            for name in self.names:
                self.binding.bind_output(name)
        self.call()
        return self.frame_heads()

    def call(self):
        """Waits for the result: ONNX Runtime synchronises its stream at the end of a run."""
        self.session.run_with_iobinding(self.binding)

    def frame_heads(self):
        if not self.cuda:
            return dict(zip(self.heads, self.binding.copy_outputs_to_cpu()))
        return {h: o.float().cpu().numpy() for h, o in zip(self.heads, self.outputs)}

    def _open_frames(self, frame, letterbox, decoder):
        import _torch_frame
        self.upload = _torch_frame.Upload(self.torch, frame, letterbox,
                                          self.x.permute(0, 2, 3, 1) if self.nchw else self.x)
        self.download, self.decoder = _torch_frame.Download(self.torch, self.outputs), decoder
        self.graph, _ = _torch_frame.captured(self.torch, self.upload.run)
        self.traffic = (self.upload.bytes, self.download.bytes)

    def _frames(self):
        self.graph.replay()
        self.torch.cuda.synchronize()
        self.call()
        self.download.run(self.outputs)
        self.torch.cuda.synchronize()
        heads = to_nhwc({h: t.numpy() for h, t in zip(self.heads, self.download.hosts)})
        return [self.decoder.several(one) for one in one_by_one(heads)]


main(VARIANTS, OnnxRuntime)
