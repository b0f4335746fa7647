"""What the benches of the model measure on: the development sets and the card stream of ONSIGHT_DATA."""

import os
from pathlib import Path

import click
import numpy as np

from export.evaluate import Model, session_model
from export.tasks.sets import TaskSet, is_development, load_folder
from stream.artifact import load_artifact, shipped
from tests.bench.cluster import GaveUp

artifact_option = click.option(
    "--artifact", type=click.Path(path_type=Path), help="The model's folder.  [default: the trained one]"
)
CARDS_FROM, CARDS_TO = np.datetime64("2018-07-25"), np.datetime64("2018-08-01")
CARD_ROWS = 64


def data_folder() -> Path:
    """The folder that ONSIGHT_DATA names. Raises GaveUp."""
    folder = os.environ.get("ONSIGHT_DATA")
    if not folder or not Path(folder).is_dir():
        raise GaveUp(f"ONSIGHT_DATA is {folder or 'unset'}, expected the path of a folder of data")
    return Path(folder)


def development_sets() -> list[TaskSet]:
    """The sets of ONSIGHT_DATA that training never sees. Raises GaveUp."""
    return [one for one in load_folder(data_folder() / "oddbench") if is_development(one.name)]


def model_bytes(artifact: Path | None) -> bytes:
    return load_artifact(artifact or shipped("onsight")).model


def model(artifact: Path | None) -> Model:
    return session_model(model_bytes(artifact))


def card_amounts() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The last week's events: amount [B], the card's CARD_ROWS amounts before it [B, R], mask [B, R], fraud [B]."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(data_folder() / "card-transactions.parquet")
    columns = {name.lower(): table.column(name).to_numpy() for name in table.column_names}
    time = columns["tx_datetime"].astype("datetime64[s]")
    order = np.lexsort((time, columns["customer_id"]))
    card, amount = columns["customer_id"][order], columns["tx_amount"][order].astype(np.float32)
    start = np.maximum.accumulate(np.where(np.diff(card, prepend=-1) != 0, np.arange(len(card)), 0))
    chosen = np.nonzero((time[order] >= CARDS_FROM) & (time[order] < CARDS_TO))[0]
    before = chosen[:, None] - np.arange(CARD_ROWS, 0, -1)
    mask = before >= start[chosen, None]
    rows = np.where(mask, amount[np.maximum(before, 0)], 0)
    return amount[chosen], rows, mask.astype(np.float32), columns["tx_fraud"][order][chosen].astype(bool)
