"""Card transactions as they were and as analysts find them to be, a week later."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stream.alerts import Source
from stream.verdict import Verdict

DELAY = 7 * 86_400.0  # seconds from an event to its verdict
TOPIC = "replay"


@dataclass(frozen=True, slots=True)
class Cards:
    """N transactions in time order; time [N] in seconds since 1970, fraud bool [N], card and terminal [N]."""

    table: Any  # pyarrow.Table of them
    time: np.ndarray
    fraud: np.ndarray
    card: np.ndarray
    terminal: np.ndarray

    def __len__(self) -> int:
        return len(self.time)

    def columns(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """All fields of some of them, by name."""
        part = self.table.slice(start, stop - start)
        return {name: part[name].to_numpy() for name in part.column_names}


def read_cards(file: Path, start: np.datetime64, stop: np.datetime64) -> Cards:
    """The transactions from `start` until before `stop`."""
    import pyarrow.compute as compute
    import pyarrow.parquet as parquet

    table = parquet.read_table(file)
    table = table.rename_columns([name.lower() for name in table.column_names]).sort_by("tx_datetime")
    moment = compute.cast(table["tx_datetime"], "timestamp[us]").to_numpy()
    table = table.filter((moment >= start) & (moment < stop))
    moment = compute.cast(table["tx_datetime"], "timestamp[us]").to_numpy()
    return Cards(
        table,
        moment.astype("datetime64[us]").astype(np.int64) / 1e6,
        table["tx_fraud"].to_numpy().astype(bool),
        table["customer_id"].to_numpy(),
        table["terminal_id"].to_numpy(),
    )


def verdicts(cards: Cards, seed: int) -> list[Verdict]:
    """Every fraud confirmed and as many other events dismissed, DELAY after the event."""
    frauds = np.flatnonzero(cards.fraud)
    others = np.flatnonzero(~cards.fraud)
    dismissed = np.random.default_rng(seed).choice(others, min(len(frauds), len(others)), replace=False)
    return [
        Verdict(
            id=f"{TOPIC}-{place}",
            entity=str(cards.card[place]),
            verdict="confirmed" if cards.fraud[place] else "dismissed",
            by="bench",
            at=float(cards.time[place]) + DELAY,
            source=Source(TOPIC, 0),
            offset=place,
            event={"customer_id": int(cards.card[place]), "terminal_id": int(cards.terminal[place])},
        )
        for place in sorted([*frauds.tolist(), *dismissed.tolist()])
    ]


def card_precision(
    score: np.ndarray, fraud: np.ndarray, card: np.ndarray, day: np.ndarray, top: int = 100
) -> float:
    """Mean over the days of the share of frauds among the `top` cards with the highest score, [N] each.

    As in the Fraud Detection Handbook (Le Borgne et al., 2022, chapter 4): a card whose fraud was found is blocked and
    does not count on later days.
    """
    found: set[int] = set()
    shares = []
    for today in np.unique(day):
        chosen = day == today
        cards, place = np.unique(card[chosen], return_inverse=True)
        highest, any_fraud = np.zeros(len(cards)), np.zeros(len(cards), bool)
        np.maximum.at(highest, place, score[chosen])
        np.logical_or.at(any_fraud, place, fraud[chosen])
        order = [one for one in np.argsort(-highest, kind="stable").tolist() if int(cards[one]) not in found]
        hits = [int(cards[one]) for one in order[:top] if any_fraud[one]]
        found.update(hits)
        shares.append(len(hits) / top)
    return float(np.mean(shares))


def places(cards: Cards, values: Sequence[np.datetime64]) -> tuple[int, int]:
    """The first place at or after each of two moments."""
    first, last = (int(value.astype("datetime64[us]").astype(np.int64)) / 1e6 for value in values)
    return int(cards.time.searchsorted(first)), int(cards.time.searchsorted(last))
