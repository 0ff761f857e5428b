"""ONNX Runtime: on the CPU with every graph optimisation and as many threads as the case says; on CUDA in
both layouts, and through its TensorRT provider, with bound device buffers and in a CUDA graph.

fp16 on CUDA runs the file with its initialisers and inputs converted (keep_io_types off), which is what
ONNX Runtime's users do; the converted file is made once in memory.
"""
import numpy as np

from _worker import Missing, head_outputs, main, wants_nchw

VARIANTS = [{"name": "onnxruntime-cpu", "device": "cpu"},
            {"name": "onnxruntime-cuda", "device": "cuda"},
            {"name": "onnxruntime-cuda-nhwc", "device": "cuda"},
            {"name": "onnxruntime-tensorrt", "device": "cuda"}]

PROVIDERS = {"onnxruntime-cpu": "CPUExecutionProvider", "onnxruntime-cuda": "CUDAExecutionProvider",
             "onnxruntime-cuda-nhwc": "CUDAExecutionProvider",
             "onnxruntime-tensorrt": "TensorrtExecutionProvider"}


def half_model(path):
    """The file's bytes with every float tensor in fp16, inputs and outputs included."""
    import onnx
    from onnx import TensorProto, numpy_helper
    model = onnx.load(path)
    graph = model.graph
    for i, tensor in enumerate(graph.initializer):
        if tensor.data_type == TensorProto.FLOAT:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            graph.initializer[i].CopyFrom(numpy_helper.from_array(half, tensor.name))
    for value in [*graph.input, *graph.output, *graph.value_info]:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    return model.SerializeToString()


def provider_options(variant, precision):
    if variant == "onnxruntime-cpu":
        return {}
    if variant == "onnxruntime-tensorrt":
        return {"trt_cuda_graph_enable": "1", "trt_fp16_enable": str(int(precision == "fp16"))}
    return {"enable_cuda_graph": "1", "cudnn_conv_algo_search": "EXHAUSTIVE",
            "use_tf32": str(int(precision == "tf32")),
            "prefer_nhwc": str(int(variant == "onnxruntime-cuda-nhwc"))}


class OnnxRuntime:
    def __init__(self, variant, case):
        try:
            if variant != "onnxruntime-cpu":
                import torch  # noqa: F401  its wheels bring the CUDA libraries that the provider needs
            import onnxruntime as ort
        except ImportError as e:
            raise Missing("onnxruntime: " + str(e)) from e
        provider = PROVIDERS[variant]
        if provider not in ort.get_available_providers():
            raise Missing(f"onnxruntime {ort.__version__} has no {provider}")
        self.cuda = variant != "onnxruntime-cpu"
        half = case["precision"] == "fp16"
        if case["precision"] != "fp32" and not self.cuda:
            raise ValueError("the CPU provider computes in fp32 only")
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = case["threads"]
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        model = half_model(case["model"]) if half else case["model"]
        self.session = ort.InferenceSession(
            model, options, providers=[(provider, provider_options(variant, case["precision"]))])
        if self.session.get_providers()[0] != provider:
            raise ValueError(provider + " could not be loaded")
        self.ort, self.version = ort, "onnxruntime " + ort.__version__
        self.dtype = np.float16 if half else np.float32
        self.input = self.session.get_inputs()[0]
        self.nchw = wants_nchw(self.input.shape)
        self.binding = None
        names = [o.name for o in self.session.get_outputs()]
        self.heads = head_outputs(names)
        self.names = [names[i] for i in self.heads.values()]

    def infer(self, array):
        return self.predict(array.transpose(0, 3, 1, 2) if self.nchw else array)

    def predict(self, array):
        array = np.ascontiguousarray(array, self.dtype)
        if not self.cuda:
            self.feed = {self.input.name: array}
            return dict(zip(self.heads, self.session.run(self.names, self.feed)))
        if self.binding is None:
            self._bind(array)
        self.kept[0].update_inplace(array)
        self.call()
        return {h: o.numpy() for h, o in zip(self.heads, self.kept[1:])}

    def _bind(self, array):
        # A captured graph needs the same addresses every time: outputs are allocated by a first run.
        first = self.session.run(self.names, {self.input.name: array})
        value = self.ort.OrtValue.ortvalue_from_numpy
        self.binding = self.session.io_binding()
        self.kept = [value(array, "cuda", 0)] + [value(o, "cuda", 0) for o in first]
        self.binding.bind_ortvalue_input(self.input.name, self.kept[0])
        for name, out in zip(self.names, self.kept[1:]):
            self.binding.bind_ortvalue_output(name, out)

    def call(self):
        if self.cuda:
            self.session.run_with_iobinding(self.binding)
        else:
            self.session.run(self.names, self.feed)


main(VARIANTS, OnnxRuntime)
