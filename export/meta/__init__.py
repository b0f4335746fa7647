"""The meta-model: one definition of its mathematics, trained with JAX and exported as an ONNX graph.

`model` is the whole of it: rows and events (`reference`, `query`) are put on one scale, `prepared` weighs features and
rows, `detectors` say how far a query is, and `labels` what verdicts change. `ops` is what all of it is written in.

Shapes everywhere: N references (an event's own window, or the peers), M their rows, Q queries to each, F columns;
T statistics of a feature, H hidden units, S statistics of a context, K detectors. Rows are feature-major, [N, F, M];
queries are [N, Q, F].
"""
