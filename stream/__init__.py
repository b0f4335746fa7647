"""onsight: the Faust job. Kafka in, explained alerts out.

Axes, used in every docstring and shape: B batch events, R window rows, P peer rows, F feature columns.
"""

import os

# ONNX Runtime reports to its maker and writes a device id into the home folder, unless told so before its import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
