"""PyTorch on CUDA: eager in a CUDA graph, and torch.compile with freezing in a CUDA graph.

One timed call is one replay and one synchronisation, the input already on the device and the heads left
there. Memory is channels last, weights are on the device before anything is captured.
"""
from _worker import Missing, head_outputs, main, wants_nchw

VARIANTS = [{"name": "pytorch-graph", "device": "cuda"}, {"name": "pytorch-compile", "device": "cuda"}]

WARM_UP = 5


class PyTorch:
    def __init__(self, variant, case):
        try:
            import onnx
            import torch
        except ImportError as e:
            raise Missing("pytorch: " + str(e)) from e
        if not torch.cuda.is_available():
            raise Missing("pytorch: sees no GPU")
        from _onnx_torch import OnnxModule
        self.torch = torch
        torch.backends.cudnn.benchmark = True
        tf32 = case["precision"] == "tf32"
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
        self.dtype = torch.float16 if case["precision"] == "fp16" else torch.float32
        names = [o.name for o in onnx.load(case["model"]).graph.output]
        self.heads = head_outputs(names)
        module = OnnxModule(case["model"], [names[i] for i in self.heads.values()])
        dims = module.input.type.tensor_type.shape.dim
        self.nchw = wants_nchw([d.dim_value or d.dim_param for d in dims])
        module = module.eval().cuda()
        for name, buffer in list(module.named_buffers()):
            if buffer.is_floating_point():
                buffer = buffer.to(self.dtype)
                if buffer.dim() == 4:
                    buffer = buffer.contiguous(memory_format=torch.channels_last)
                setattr(module, name, buffer)
        if variant == "pytorch-compile":
            import torch._inductor.config as inductor
            inductor.freezing = True
            module = torch.compile(module)
        self.module = module
        shape = (case["batch"], case["height"], case["width"], 3)
        self.input = torch.zeros(shape, device="cuda", dtype=self.dtype)
        self.graph, self.outputs = self._capture()
        name = torch.cuda.get_device_name()
        self.version = f"torch {torch.__version__}, CUDA {torch.version.cuda}, {name}"

    def _run(self):
        # NHWC memory seen as NCHW is what channels last means, so nothing is copied here.
        x = self.input.permute(0, 3, 1, 2) if self.nchw else self.input
        return self.module(x)

    def _capture(self):
        torch = self.torch
        with torch.inference_mode():
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    self._run()
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                outputs = self._run()
        return graph, outputs

    def infer(self, array):
        self.input.copy_(self.torch.from_numpy(array))
        self.call()
        return {h: o.float().cpu().numpy() for h, o in zip(self.heads, self.outputs)}

    def call(self):
        self.graph.replay()
        self.torch.cuda.synchronize()


main(VARIANTS, PyTorch)
