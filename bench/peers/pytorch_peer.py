"""PyTorch on CUDA: eager in a CUDA graph, and torch.compile with freezing in a CUDA graph, once by its default
choices and once with Triton's convolutions and products timed against the libraries' (-autotune; the first open
of a network takes minutes).

Network: one timed call is one replay and one synchronisation, the input already on the device and the heads
left there. Memory is channels last, weights are on the device before anything is captured.
Frame: upload from pinned memory, letterbox, network and download are one graph. People are found on the host in
the heads; the -gpu variant sorts the candidates on the device and follows them on the host; the -gpu-single
variant finds the best point of each part on the device, one pose, and downloads 17 x 3 numbers.
"""
import _torch_frame
from _worker import HEADS, Missing, head_outputs, main, one_by_one, to_nhwc, wants_nchw

VARIANTS = [{"name": "pytorch-graph", "device": "cuda"}, {"name": "pytorch-compile", "device": "cuda"},
            {"name": "pytorch-compile-autotune", "device": "cuda", "measures": ["network"]},
            {"name": "pytorch-compile-gpu", "device": "cuda", "measures": ["frame"]},
            {"name": "pytorch-compile-gpu-single", "device": "cuda", "measures": ["frame"], "single": True}]


class Compiled(Exception):
    """Raised in place of the first run of what was compiled."""


class PyTorch:
    @staticmethod
    def load(variant):
        try:
            import onnx  # noqa: F401
            import torch
        except ImportError as e:
            raise Missing("pytorch: " + str(e)) from e
        if variant.startswith("pytorch-compile"):
            import torch._inductor.compile_fx  # noqa: F401
        if not torch.cuda.is_available():
            raise Missing("pytorch: sees no GPU")

    def __init__(self, variant, case):
        import onnx
        import torch
        from _onnx_torch import OnnxModule
        self.torch = torch
        torch.backends.cudnn.benchmark, torch.backends.cudnn.benchmark_limit = True, 0  # of all, not of the first 10
        tf32 = case["precision"] == "tf32"
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
        self.dtype = torch.float16 if case["precision"] == "fp16" else torch.float32
        names = [o.name for o in onnx.load(case["model"], load_external_data=False).graph.output]
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
        if variant.startswith("pytorch-compile"):
            import torch._inductor.config as inductor
            inductor.freezing = True
            # The graph is ours, below. All that autotuning does is timed, so it waits for `choose`.
            how = {"mode": "max-autotune-no-cudagraphs"} if variant.endswith("-autotune") else {"backend": self._inductor}
            module = torch.compile(module, fullgraph=True, dynamic=False, **how)
        self.module = module
        shape = (case["batch"], case["height"], case["width"], 3)
        self.input = torch.zeros(shape, device="cuda", dtype=self.dtype)
        self.variant, self.frame = variant, case.get("measure") == "frame"
        if variant.startswith("pytorch-compile") and not variant.endswith("-autotune"):
            self._compile()
        name = torch.cuda.get_device_name()
        self.version = f"torch {torch.__version__}, CUDA {torch.version.cuda}, {name}"

    def _inductor(self, graph, inputs):
        """torch.compile's own backend. What it made runs from `choose` on only: in its first run each kernel chooses
        its block size by time, and cuDNN its algorithms."""
        from torch._inductor.compile_fx import compile_fx
        compiled = compile_fx(graph, inputs)

        def run(*args):
            if self.opening:
                raise Compiled
            return compiled(*args)

        return run

    def _compile(self):
        self.opening = True
        try:
            with self.torch.inference_mode():
                self._run()
        except Compiled:
            pass
        self.opening = False

    def choose(self):
        if not self.frame:
            self.chosen = _torch_frame.Chosen(self.torch, self._run)
            self.outputs, self.settings = self.chosen.results, self.chosen.settings

    def _run(self):
        # NHWC memory seen as NCHW is what channels last means, so nothing is copied here.
        x = self.input.permute(0, 3, 1, 2) if self.nchw else self.input
        return self.module(x)

    def infer(self, array):
        self.input.copy_(self.torch.from_numpy(array))
        self.call()
        return self._named(self.outputs)

    def _named(self, outputs):
        return {h: o.float().cpu().numpy() for h, o in zip(self.heads, outputs)}

    def call(self):
        self.chosen.graph.replay()
        self.torch.cuda.synchronize()

    def open_frames(self, frame, letterbox, decoder):
        torch = self.torch
        self.upload = upload = _torch_frame.Upload(torch, frame, letterbox, self.input)
        self.decoder, self.least = decoder, decoder.least
        downloads = []

        def run():
            upload.run()
            heads = self._run()
            results = self._on_device(dict(zip(self.heads, heads)))
            if not downloads:  # what comes back is known only from a run
                downloads.append(_torch_frame.Download(torch, results))
            downloads[0].run(results)
            return heads, results

        self.chosen = _torch_frame.Chosen(torch, run)
        (self.outputs, self.kept), self.settings = self.chosen.results, self.chosen.settings
        self.hosts = downloads[0].hosts
        self.traffic = (upload.bytes, downloads[0].bytes)

    def _on_device(self, heads):
        """What is downloaded: the heads, with the best candidates before them, or one person's points."""
        nchw = all(head.shape[1] == HEADS[name] for name, head in heads.items())
        heat, offset = (heads[h] if nchw else heads[h].permute(0, 3, 1, 2) for h in ("heatmaps", "offsets"))
        if self.variant.endswith("-single"):
            return [_torch_frame.single(self.torch, heat, offset, self.decoder.size, self.decoder.logits)]
        if self.variant.endswith("-gpu"):
            return [*_torch_frame.best_cells(self.torch, heat, self.least), *heads.values()]
        return list(heads.values())

    def frames(self):
        self.chosen.graph.replay()
        self.torch.cuda.synchronize()
        if self.variant.endswith("-single"):
            return [[(sum(p[2] for p in points) / len(points), points)]
                    for points in self.hosts[0].tolist()]
        heads = one_by_one(to_nhwc({h: t.numpy() for h, t in zip(self.heads, self.hosts[-len(self.heads):])}))
        if not self.variant.endswith("-gpu"):
            return [self.decoder.several(one) for one in heads]
        return [self.decoder.several(one, _torch_frame.listed(values, indices, one["heatmaps"].shape[:2], self.least))
                for one, values, indices in zip(heads, *self.hosts[:2])]

    def frame_heads(self):
        return self._named(self.outputs)


main(VARIANTS, PyTorch)
