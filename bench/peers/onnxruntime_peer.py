"""ONNX Runtime. CPU: every graph optimisation, as many intra-op threads as the case says."""
import numpy as np

from _worker import Missing, head_outputs, main, wants_nchw

VARIANTS = [{"name": "onnxruntime-cpu", "device": "cpu"}]


class OnnxRuntime:
    def __init__(self, variant, case):
        try:
            import onnxruntime as ort
        except ImportError as e:
            raise Missing("onnxruntime: " + str(e)) from e
        if case["precision"] != "fp32":
            raise ValueError("the CPU provider computes in fp32 only")
        options = ort.SessionOptions()
        options.intra_op_num_threads = case["threads"]
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = ort.InferenceSession(case["model"], options,
                                            providers=["CPUExecutionProvider"])
        self.version = "onnxruntime " + ort.__version__
        self.input = self.session.get_inputs()[0]
        names = [o.name for o in self.session.get_outputs()]
        self.heads = head_outputs(names)
        self.names = [names[i] for i in self.heads.values()]
        self.feed = None

    def infer(self, array):
        if wants_nchw(self.input.shape):
            array = np.ascontiguousarray(array.transpose(0, 3, 1, 2))
        self.feed = {self.input.name: array}
        return dict(zip(self.heads, self.session.run(self.names, self.feed)))

    def call(self):
        self.session.run(self.names, self.feed)


main(VARIANTS, OnnxRuntime)
