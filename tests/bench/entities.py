"""Tasks with entities: window and peers together, against each of them alone."""

from pathlib import Path

import click

from export.entities import evaluate_entities
from export.evaluate import output_of
from tests.bench.model_data import artifact_option, development_sets, model_bytes
from tests.bench.report import finish


@click.command()
@artifact_option
def command(artifact: Path | None) -> None:
    """AUROC on fixed entity tasks, given both references, one of them, and of kNN on either."""
    found = evaluate_entities(output_of(model_bytes(artifact), "score"), development_sets())
    finish(
        {name: {key: round(value, 4) for key, value in figures.items()} for name, figures in found.items()}
    )
