"""The offline exporter: builds, evaluates and writes signed artifacts. Imports stream/'s pure parts, never the reverse."""
