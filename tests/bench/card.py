"""Card transactions of the fraud detection handbook: a week, without verdicts and with those a week old."""

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
import numpy as np

from export.metrics import auroc, average_precision
from stream.artifact import load_artifact, shipped
from stream.events import Decoder
from stream.memory import keep_freed_memory
from stream.profile import load
from stream.replay import Replay
from stream.scorer import Scorer
from stream.verdict import Verdict
from tests.bench.card_review import TOPIC, Cards, card_precision, places, read_cards, verdicts
from tests.bench.model_data import data_folder
from tests.bench.report import bar, finish, say

PROFILE = Path(__file__).parents[1] / "data" / "handbook-cards.yaml"
FILE = "card-transactions.parquet"
SIZE = 4096
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Run:
    """One pass over the transactions: score [N] of each, and how fast they came."""

    score: np.ndarray
    events_per_s: float


@click.command()
@click.option("--input", "source", type=click.Path(path_type=Path), help=f"[default: {FILE} of ONSIGHT_DATA]")
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), default="2018-07-25", help="First day.")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), default="2018-07-31", help="Last day.")
@click.option(
    "--warm-up",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2018-06-01",
    help="The events since then are replayed before.",
)
@click.option(
    "--artifact", type=click.Path(path_type=Path), help="The model's folder.  [default: the trained one]"
)
@click.option("--profile", type=click.Path(path_type=Path), default=PROFILE, help="The cards' profile.")
@click.option("--seed", default=1, help="Of the dismissals drawn.")
def command(
    source: Path | None,
    start: datetime,
    end: datetime,
    warm_up: datetime,
    artifact: Path | None,
    profile: Path,
    seed: int,
) -> None:
    """AUC ROC, average precision and card precision@100 of a week's scores, zero-shot and with verdicts."""
    keep_freed_memory()
    first, last, before = (np.datetime64(moment, "D") for moment in (start, end, warm_up))
    last += 1
    cards = read_cards(source or data_folder() / FILE, before, last)
    week = slice(*places(cards, (first, last)))
    say(f"{len(cards):,} transactions, {week.stop - week.start:,} of them judged")
    folder = artifact or shipped("onsight")
    blind = _run(cards, folder, profile, [])
    told = _run(cards, folder, profile, verdicts(cards, seed))
    finish(
        {
            "zero_shot": _figures(cards, blind, week),
            "verdicts": _figures(cards, told, week),
            "events_per_s": round(blind.events_per_s),
            "events_per_s_with_verdicts": round(told.events_per_s),
            "events": week.stop - week.start,
            "frauds": int(cards.fraud[week].sum()),
        }
    )


def _run(cards: Cards, folder: Path, path: Path, given: list[Verdict]) -> Run:
    """Replay the transactions, with verdicts."""
    profile = load(str(path))
    scorer = Scorer.for_profile(load_artifact(folder), profile)
    decoder, score = Decoder(profile), np.empty(len(cards), np.float32)
    replay = Replay(profile, scorer, topic=TOPIC, verdicts=given)
    begin = time.perf_counter()
    with bar(f"with {len(given):,} verdicts" if given else "without verdicts", len(cards)) as shown:
        for at in range(0, len(cards), SIZE):
            stop = min(at + SIZE, len(cards))
            batch, rejects = decoder.from_columns(cards.columns(at, stop), np.arange(at, stop))
            assert not rejects, rejects[0]
            score[at:stop] = replay.on_batch(batch).score
            shown.at(stop)
    if given:
        say(f"verdicts: {dict(replay.outcomes)}")
    return Run(score, len(cards) / (time.perf_counter() - begin))


def _figures(cards: Cards, run: Run, week: slice) -> dict[str, float]:
    score, fraud = run.score[week], cards.fraud[week]
    day = (cards.time[week] // DAY).astype(np.int64)
    return {
        "auc": round(auroc(score, fraud), 4),
        "ap": round(average_precision(score, fraud), 4),
        "precision_at_100": round(card_precision(score, fraud, cards.card[week], day), 4),
    }
