"""What is kept of a stream: the rows that the detector sees, with alerts and verdicts, and nothing masked."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
from experience_store import KEYS, PROFILE, START, TEXT, collect, event, fetched, records, stored

from export.experience.columns import columns_of
from export.experience.read import read_experience
from stream.alerts import Source, hidden_entity
from stream.artifact import load_artifact, shipped
from stream.detector import Detector
from stream.events import Decoder
from stream.profile import parse
from stream.scorer import Scorer
from stream.verdict import Verdict


def verdict(offset: int, outcome: Any, at: float = START, **more: Any) -> bytes:
    place = {"source": Source("events", 0), "offset": offset, "id": f"a{offset}"} | more
    return Verdict(entity="c1", verdict=outcome, by="me", at=at, **place).body()


def alert(offset: int) -> bytes:
    source = {"topic": "events", "partition": 0, "offset": offset}
    told = {"time": "2023-11-15T00:00:00Z", "score": 0.9, "p_value": 0.001, "severity": "high"}
    return orjson.dumps({"id": f"a{offset}", "source": source, **told})


def test_the_rows_are_those_that_the_detector_sees(tmp_path: Path) -> None:
    values = records(3000)
    collect(tmp_path, fetched("events", values[:1000]), fetched("events", values[1000:], 1000))
    seen: list[np.ndarray] = []
    scorer = Scorer(load_artifact(shipped()), PROFILE.category, PROFILE.direction)
    detector = Detector(PROFILE, scorer, Source("events", 0), max_keys=KEYS)
    batch, _ = Decoder(PROFILE).decode(None, values, np.arange(3000))
    make = detector.features.on_batch

    def watched(*given: Any) -> np.ndarray:
        seen.append(make(*given))
        return seen[-1]

    detector.features.on_batch = watched  # type: ignore[method-assign]
    detector.on_batch(batch, 2999)
    expected = np.concatenate(seen)
    table = stored(tmp_path)
    found = np.stack([table[f"feature: {column.name}"].to_numpy() for column in columns_of(PROFILE)], 1)
    assert np.array_equal(found, expected, equal_nan=True)
    assert table["offset"].to_pylist() == batch.offset.tolist()
    assert table["entity"].to_pylist() == list(batch.entity)


def test_the_last_verdict_on_an_event_is_its_label_and_alerts_are_known(tmp_path: Path) -> None:
    verdicts = [
        verdict(3, "dismissed", START + 10),
        verdict(3, "confirmed", START + 5),  # given earlier
        verdict(7, "confirmed"),
        verdict(-1, "confirmed", source=None, id="a9"),  # by the alert's id alone
        verdict(11, "confirmed", source=Source("elsewhere", 0)),
        b"nonsense",
    ]
    collect(
        tmp_path,
        fetched("verdicts", verdicts),
        fetched("alerts", [alert(7), alert(9), alert(20), b"{}"]),
        fetched("events", records(40)),
    )
    found = read_experience(tmp_path)
    table = stored(tmp_path)
    entity = [f"c{at * 7 % 30}" for at in range(40)]
    order = sorted(range(40), key=lambda at: (list(dict.fromkeys(entity)).index(entity[at]), at))
    label = dict(zip(order, found.label.tolist(), strict=True))
    assert {at: one for at, one in label.items() if one} == {3: -1, 7: 1, 9: 1}
    assert {at for at, one in zip(order, found.alerted, strict=True) if one} == {7, 9, 20}
    assert len(found) == table.num_rows == 40
    assert (np.diff(found.entity) >= 0).all()


def test_nothing_masked_is_kept_in_clear(tmp_path: Path) -> None:
    masked = parse(
        TEXT.replace(
            "features:",
            "features:\n  - {name: whose, kind: category, field: card, mask: true}"
            "\n  - {name: known for, kind: verdicts, field: country, days: 7}",
        ).replace("direction: high}", "mask: true}"),
        "masked.yaml",
    )
    values = [orjson.dumps(event(at) | {"card": "planted-card", "amount": 77665.25}) for at in range(100)]
    judged = Verdict("a", "planted-card", "confirmed", "me", START, Source("events", 0), 5).body()
    collect(tmp_path, fetched("events", values), fetched("verdicts", [judged]), profile=masked)
    table = stored(tmp_path)
    assert set(table["entity"].to_pylist()) == {hidden_entity("planted-card")}
    assert np.isnan(table["feature: amount"].to_numpy()).all()
    assert np.isnan(table["feature: whose"].to_numpy()).all()
    assert np.isnan(table["feature: known for"].to_numpy()).all()  # hangs on when a worker heard of what
    assert not np.isnan(table["feature: here"].to_numpy()).any()
    assert stored(tmp_path, "verdicts")["entity"].to_pylist() == [hidden_entity("planted-card")]
    for path in tmp_path.rglob("*.*"):
        if path.suffix == ".parquet":
            rows = pq.read_table(path).to_pylist()
            assert "planted" not in repr(rows) and "77665" not in repr(rows), path
        else:
            assert b"planted" not in path.read_bytes()
