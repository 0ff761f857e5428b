"""OpenVINO on the CPU. By itself it takes bf16 on processors that have it, so fp32 is asked for."""
import os

import numpy as np

from _worker import Missing, head_outputs, main, wants_nchw

VARIANTS = [{"name": "openvino-cpu", "device": "cpu"}]


class OpenVino:
    @staticmethod
    def load(_variant):
        os.environ.setdefault("CI", "true")  # else it forks a process for telemetry, which can outlive the worker
        try:
            import openvino  # noqa: F401
        except ImportError as e:
            raise Missing("openvino: " + str(e)) from e

    def __init__(self, variant, case):
        import openvino as ov
        if case["precision"] != "fp32":
            raise ValueError("measured in fp32 only")
        core = ov.Core()
        model = core.read_model(case["model"])
        shape = model.inputs[0].partial_shape
        dims = [d.get_length() if d.is_static else d.to_string() for d in shape]
        self.nchw = wants_nchw(dims)
        size = [case["height"], case["width"]]
        model.reshape([case["batch"], 3, *size] if self.nchw else [case["batch"], *size, 3])
        self.compiled = core.compile_model(model, "CPU", {
            "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": case["threads"], "NUM_STREAMS": 1})
        self.request = self.compiled.create_infer_request()
        self.version = "openvino " + ov.__version__.split("-")[0]
        self.heads = head_outputs([o.any_name for o in self.compiled.outputs])

    def infer(self, array):
        return self.predict(array.transpose(0, 3, 1, 2) if self.nchw else array)

    def predict(self, array):
        self.request.set_input_tensor(self._tensor(np.ascontiguousarray(array)))
        self.call()
        return {head: self.request.get_output_tensor(i).data for head, i in self.heads.items()}

    @staticmethod
    def _tensor(array):
        import openvino as ov
        return ov.Tensor(array)

    def call(self):
        self.request.infer()


main(VARIANTS, OpenVino)
