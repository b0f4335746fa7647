"""The offline exporter: builds, checks and writes signed artifacts. Imports stream/'s pure parts, never the reverse."""
