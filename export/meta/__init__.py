"""The meta-model: one definition of its mathematics, trained with JAX and exported as an ONNX graph."""
