"""`onsight artifact` prints where the shipped models are."""

import os
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner

from stream.artifact import BASELINE, DEFAULT, LEARNED, shipped
from stream.cli.artifact import command

CHOICES = [([], LEARNED), (["--baseline"], BASELINE)]


@pytest.mark.parametrize(("words", "name"), CHOICES)
def test_it_prints_the_folder_and_nothing_else(words: list[str], name: str) -> None:
    assert CliRunner().invoke(command, words).output == f"{shipped(name)}\n"


@pytest.mark.parametrize(("words", "name"), CHOICES)
def test_on_a_terminal_it_says_which_one_is_run_where_none_is_named(words: list[str], name: str) -> None:
    ours, theirs = pty.openpty()
    code = "from stream.cli.artifact import command; command()"
    told = subprocess.run(
        [sys.executable, "-c", code, *words], stdout=theirs, stderr=subprocess.PIPE, check=True
    )
    assert os.read(ours, 10_000).decode().strip() == str(shipped(name))
    assert ("run this one" if name == DEFAULT else "run the other one") in told.stderr.decode()
    os.close(ours)
    os.close(theirs)
