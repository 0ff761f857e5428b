"""TensorRT, through its documented Python API: builder, ONNX parser, one optimisation profile, enqueueV3 in
a CUDA graph. Never run here: TensorRT cannot be installed from the package registries; the protocol around
it is what the other workers use. Device memory and streams are PyTorch's.
"""
import numpy as np

import _torch_frame
from _worker import Missing, head_outputs, main, one_by_one, to_nhwc, wants_nchw

VARIANTS = [{"name": "tensorrt", "device": "cuda"}]


def build_engine(trt, case):
    """A serialized engine for exactly the case's size and precision."""
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(case["model"]):
        raise ValueError("; ".join(parser.get_error(i).desc() for i in range(parser.num_errors)))
    config = builder.create_builder_config()
    config.builder_optimization_level = 5
    if case["precision"] == "fp16":
        config.set_flag(trt.BuilderFlag.FP16)
        for tensor in [network.get_input(0), *map(network.get_output, range(network.num_outputs))]:
            tensor.dtype = trt.float16
    if case["precision"] == "fp32":
        config.clear_flag(trt.BuilderFlag.TF32)
    source = network.get_input(0)
    size = (case["height"], case["width"])
    shape = (case["batch"], 3, *size) if wants_nchw(source.shape) else (case["batch"], *size, 3)
    profile = builder.create_optimization_profile()
    profile.set_shape(source.name, shape, shape, shape)
    config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise ValueError("TensorRT could not build an engine")
    return trt.Runtime(logger).deserialize_cuda_engine(engine), source.name, shape


class TensorRt:
    @staticmethod
    def load(_variant):
        try:
            import tensorrt  # noqa: F401
            import torch  # noqa: F401
        except ImportError as e:
            raise Missing("tensorrt: " + str(e)) from e

    def __init__(self, variant, case):
        import tensorrt as trt
        import torch
        self.torch, self.case = torch, case
        self.version = f"tensorrt {trt.__version__}, {torch.cuda.get_device_name()}"

    def choose(self):
        """Builds the engine, from ways that are timed."""
        import tensorrt as trt
        torch = self.torch
        self.engine, self.input_name, shape = build_engine(trt, self.case)
        self.context = self.engine.create_execution_context()
        self.context.set_input_shape(self.input_name, shape)
        self.nchw = wants_nchw(shape)
        self.tensors = {}
        for i in range(self.engine.num_io_tensors):
            name = self.engine.get_tensor_name(i)
            dtype = {trt.float16: torch.float16, trt.float32: torch.float32}[
                self.engine.get_tensor_dtype(name)]
            self.tensors[name] = torch.zeros(tuple(self.context.get_tensor_shape(name)),
                                             dtype=dtype, device="cuda")
            self.context.set_tensor_address(name, self.tensors[name].data_ptr())
        names = [n for n in self.tensors if n != self.input_name]
        self.heads = {h: names[i] for h, i in head_outputs(names).items()}
        self.graph, _ = _torch_frame.captured(torch, self._run)

    def _run(self):
        self.context.execute_async_v3(self.torch.cuda.current_stream().cuda_stream)

    def infer(self, array):
        array = array.transpose(0, 3, 1, 2) if self.nchw else array
        self.tensors[self.input_name].copy_(self.torch.from_numpy(np.ascontiguousarray(array)))
        self.call()
        return self.frame_heads()

    def call(self):
        self.graph.replay()
        self.torch.cuda.synchronize()

    def frame_heads(self):
        return {h: self.tensors[n].float().cpu().numpy() for h, n in self.heads.items()}

    def open_frames(self, frame, letterbox, decoder):
        source = self.tensors[self.input_name]
        self.upload = _torch_frame.Upload(self.torch, frame, letterbox,
                                          source.permute(0, 2, 3, 1) if self.nchw else source)
        outputs = [self.tensors[n] for n in self.heads.values()]
        download = _torch_frame.Download(self.torch, outputs)

        def run():
            self.upload.run()
            self._run()
            download.run(outputs)

        self.graph, _ = _torch_frame.captured(self.torch, run)
        self.hosts, self.decoder = download.hosts, decoder
        self.traffic = (self.upload.bytes, download.bytes)

    def frames(self):
        self.call()
        heads = to_nhwc({h: t.numpy() for h, t in zip(self.heads, self.hosts)})
        return [self.decoder.several(one) for one in one_by_one(heads)]


main(VARIANTS, TensorRt)
