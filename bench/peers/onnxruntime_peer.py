"""ONNX Runtime: on the CPU with every graph optimisation and as many threads as the case says; on CUDA in
both layouts, and through its TensorRT provider, with bound device buffers and in a CUDA graph.

fp16 on CUDA runs the file with its initialisers, inputs and outputs converted, which is what ONNX Runtime's
users do; for CUDA the input's size is written into the file. PyTorch holds the bound buffers, and in the frame
measure brings the picture up and letterboxes it, in a CUDA graph of its own that is waited for before the
network starts.
"""
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


def provider_options(variant, precision):
    if variant == "onnxruntime-cpu":
        return {}
    if variant == "onnxruntime-tensorrt":
        return {"trt_cuda_graph_enable": "1", "trt_fp16_enable": str(int(precision == "fp16"))}
    return {"enable_cuda_graph": "1", "cudnn_conv_algo_search": "EXHAUSTIVE",
            "use_tf32": str(int(precision == "tf32")),
            "prefer_nhwc": str(int(variant == "onnxruntime-cuda-nhwc"))}


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
        self.cuda = variant != "onnxruntime-cpu"
        half = case["precision"] == "fp16"
        if case["precision"] != "fp32" and not self.cuda:
            raise ValueError("the CPU provider computes in fp32 only")
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = case["threads"]
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        model, shapes = case["model"], None
        if self.cuda:
            model, shapes = fixed_model(model, (case["height"], case["width"]), case["batch"], half)
        self.session = ort.InferenceSession(
            model, options, providers=[(PROVIDERS[variant], provider_options(variant, case["precision"]))])
        if self.session.get_providers()[0] != PROVIDERS[variant]:
            raise Missing(PROVIDERS[variant] + " could not be loaded, or what it needs is not installed")
        self.version = "onnxruntime " + ort.__version__
        self.input = self.session.get_inputs()[0]
        self.nchw = wants_nchw(self.input.shape)
        names = [o.name for o in self.session.get_outputs()]
        self.heads = head_outputs(names)
        self.names = [names[i] for i in self.heads.values()]
        if self.cuda:
            self._bind(shapes, np.float16 if half else np.float32)
            self.open_frames, self.frames = self._open_frames, self._frames

    def _bind(self, shapes, dtype):
        # Never run unbound: the first run captures a CUDA graph, which keeps the addresses of that run.
        import torch
        self.torch = torch
        kind = torch.float16 if dtype == np.float16 else torch.float32
        self.binding = self.session.io_binding()
        self.x = torch.zeros(self.input.shape, dtype=kind, device="cuda")
        self.outputs = [torch.zeros(shapes[name], dtype=kind, device="cuda") for name in self.names]
        self.binding.bind_input(self.input.name, "cuda", 0, dtype, self.input.shape, self.x.data_ptr())
        for name, out in zip(self.names, self.outputs):
            self.binding.bind_output(name, "cuda", 0, dtype, list(out.shape), out.data_ptr())
        self.torch.cuda.synchronize()
        self.call()

    def infer(self, array):
        return self.predict(array.transpose(0, 3, 1, 2) if self.nchw else array)

    def predict(self, array):
        array = np.ascontiguousarray(array)
        if not self.cuda:
            self.feed = {self.input.name: array}
            return dict(zip(self.heads, self.session.run(self.names, self.feed)))
        self.x.copy_(self.torch.from_numpy(array))
        self.torch.cuda.synchronize()
        self.call()
        return self.frame_heads()

    def call(self):
        """Waits for the result: ONNX Runtime synchronises its stream at the end of a run."""
        if self.cuda:
            self.session.run_with_iobinding(self.binding)
        else:
            self.session.run(self.names, self.feed)

    def frame_heads(self):
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
