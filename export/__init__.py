"""The offline exporter: builds, checks and writes signed artifacts. Imports stream/'s pure parts, never the reverse."""

import stream  # noqa: F401  (before any import of ONNX Runtime: it turns the telemetry off)
