"""A model file opened in ONNX Runtime, to be measured: one thread, all outputs."""

import onnxruntime


def open_session(model: bytes) -> onnxruntime.InferenceSession:
    """Ready to run on the contract's inputs; as ONNX Runtime's messages go, only errors are told."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
