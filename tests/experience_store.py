"""What tests of the experience share: a profile, its events, and stores that a collector filled with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.dataset

from export.experience.collector import Collector, Topics
from export.experience.columns import columns_of, layout_of
from export.experience.content import read_content
from export.experience.store import Store
from stream.events import Decoder
from stream.job.fetched import Fetched
from stream.profile import Profile, parse

TEXT = """\
name: cards
entity: {field: card, noun: card}
time: {field: ts, unit: s}
features:
  - {name: amount, kind: number, field: amount, transform: log1p, direction: high}
  - {name: country, kind: category, field: country}
  - {name: pace, kind: elapsed}
  - {name: here, kind: rate, of: field, field: country, seconds: 3600}
  - {name: hour, kind: time_of_day}
alerts: {per_day: 50}
window: 8
peers: 0
"""
PROFILE = parse(TEXT, "cards.yaml")
TOPICS = Topics("events", "alerts", "verdicts")
KEYS = 20
START = 1_700_006_400  # a midnight


def event(at: int) -> dict[str, Any]:
    return {
        "card": f"c{at * 7 % 30}",
        "ts": START + 120 * at,
        "amount": 10.0 + at % 13,
        "country": "FR" if at % 5 else "DE",
    }


def records(count: int) -> list[bytes]:
    return [b"{" if at % 97 == 50 else orjson.dumps(event(at)) for at in range(count)]


def fetched(topic: str, values: Sequence[bytes], start: int = 0, partition: int = 0) -> Fetched:
    offsets = np.arange(start, start + len(values))
    return Fetched(topic, partition, [b"k"] * len(values), values, [0] * len(values), offsets)


def opened(folder: Path, profile: Profile = PROFILE, limit: int = 2**40) -> Store:
    return Store(folder, layout_of(profile), columns_of(profile), limit)


def collect(
    folder: Path,
    *batches: Fetched,
    profile: Profile = PROFILE,
    limit: int = 2**40,
    max_keys: int = KEYS,
) -> None:
    with opened(folder, profile, limit) as store:
        collector = Collector(store, Decoder(profile), TOPICS, max_keys)
        for batch in batches:
            collector.add(batch)
            collector.commit()


def stored(folder: Path, kind: str = "events") -> Any:
    files = [folder / file.path for file in read_content(folder).files if file.kind == kind]
    table = pyarrow.dataset.dataset(files, format="parquet").to_table()
    return table.sort_by([("partition", "ascending"), ("offset", "ascending")])
