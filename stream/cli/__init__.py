"""The command line: one file a command. Heavy imports stay inside the commands, so that each starts fast."""

from stream.cli.main import main

__all__ = ["main"]
