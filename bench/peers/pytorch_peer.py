"""PyTorch on CUDA: eager in a CUDA graph, and torch.compile with freezing in a CUDA graph.

Network: one timed call is one replay and one synchronisation, the input already on the device and the heads
left there. Memory is channels last, weights are on the device before anything is captured.
Frame: upload from pinned memory, letterbox, network and download are one graph; people are found on the host
in the heads. The variants ending in -gpu-single find the best point of each part on the device instead, one
pose, and download 17 x 3 numbers.
"""
from _worker import HEADS, Missing, head_outputs, main, one_by_one, to_nhwc, wants_nchw

VARIANTS = [{"name": "pytorch-graph", "device": "cuda"}, {"name": "pytorch-compile", "device": "cuda"},
            {"name": "pytorch-graph-gpu-single", "device": "cuda", "measures": ["frame"], "single": True},
            {"name": "pytorch-compile-gpu-single", "device": "cuda", "measures": ["frame"], "single": True}]

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
        if variant.startswith("pytorch-compile"):
            import torch._inductor.config as inductor
            inductor.freezing = True
            module = torch.compile(module)
        self.module = module
        shape = (case["batch"], case["height"], case["width"], 3)
        self.input = torch.zeros(shape, device="cuda", dtype=self.dtype)
        self.single = variant.endswith("-single")
        self.graph, self.outputs = self._capture(self._run)
        name = torch.cuda.get_device_name()
        self.version = f"torch {torch.__version__}, CUDA {torch.version.cuda}, {name}"

    def _run(self):
        # NHWC memory seen as NCHW is what channels last means, so nothing is copied here.
        x = self.input.permute(0, 3, 1, 2) if self.nchw else self.input
        return self.module(x)

    def _capture(self, run):
        torch = self.torch
        with torch.inference_mode():
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    run()
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                outputs = run()
        return graph, outputs

    def infer(self, array):
        self.input.copy_(self.torch.from_numpy(array))
        self.call()
        return {h: o.float().cpu().numpy() for h, o in zip(self.heads, self.outputs)}

    def call(self):
        self.graph.replay()
        self.torch.cuda.synchronize()


    def open_frames(self, frame, letterbox, decoder):
        torch = self.torch
        pixels = torch.from_numpy(frame.reshape(1, -1, 3)).repeat(len(self.input), 1, 1).pin_memory()
        uploaded = torch.empty(pixels.shape, dtype=torch.uint8, device="cuda")
        index = [torch.from_numpy(i).cuda() for i in letterbox.index]
        inside = [torch.from_numpy(~o[..., None]).cuda() for o in letterbox.outside]
        fx, fy = torch.from_numpy(letterbox.fx).cuda(), torch.from_numpy(letterbox.fy).cuda()
        shift = torch.from_numpy(letterbox.shift).cuda()
        scale = float(letterbox.scale)
        self.input.copy_(shift.expand_as(self.input))  # the padding's colour

        def run():
            uploaded.copy_(pixels, non_blocking=True)
            corners = [uploaded[:, i].float() * m for i, m in zip(index, inside)]
            picture = letterbox.blend(corners, fx, fy) * scale + shift
            self.input[:, letterbox.rows, letterbox.columns] = picture.to(self.dtype)
            results = list(self._run())
            if self.single:
                results = [self._points(dict(zip(self.heads, results)), decoder)]
            for host, result in zip(self.hosts, results):
                host.copy_(result, non_blocking=True)
            return results

        # The shapes of what comes back are known only from a run.
        self.hosts = []
        with torch.inference_mode():
            self.hosts = [torch.empty(r.shape, dtype=r.dtype).pin_memory() for r in run()]
        self.frame_graph, self.kept = self._capture(run)
        self.decoder = decoder

    def _points(self, heads, decoder):
        """(batch, 17, 3): x, y, score of the best cell of each part, found on the device."""
        torch = self.torch
        nchw = all(head.shape[1] == HEADS[name] for name, head in heads.items())
        heat, offset = (heads[h] if nchw else heads[h].permute(0, 3, 1, 2) for h in ("heatmaps", "offsets"))
        n, _, h, w = heat.shape
        stride = (decoder.size[0] - 1) // (w - 1)
        best, cell = heat.reshape(n, 17, h * w).float().max(2)
        offset = offset.reshape(n, 34, h * w).float()
        y = cell.div(w, rounding_mode="floor") * stride + offset[:, :17].gather(2, cell[..., None])[..., 0]
        x = cell % w * stride + offset[:, 17:].gather(2, cell[..., None])[..., 0]
        return torch.stack([x, y, torch.sigmoid(best) if decoder.logits else best], 2)

    def frames(self):
        self.frame_graph.replay()
        self.torch.cuda.synchronize()
        if self.single:
            return [[(sum(p[2] for p in points) / len(points), points)]
                    for points in self.hosts[0].tolist()]
        heads = to_nhwc({h: t.numpy() for h, t in zip(self.heads, self.hosts)})
        return [self.decoder.several(one) for one in one_by_one(heads)]


main(VARIANTS, PyTorch)
