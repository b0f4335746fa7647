"""`onsight artifact` prints where the shipped model is."""

from click.testing import CliRunner

from stream.artifact import shipped
from stream.cli.artifact import command


def test_it_prints_the_shipped_folder() -> None:
    for arguments in ([], ["--baseline"]):
        assert CliRunner().invoke(command, arguments).output.strip() == str(shipped("knn"))
