"""Masked fields never leave in clear: planted values are searched for in all that leaves."""

from typing import Any

import numpy as np
import orjson
import pytest

from stream.alerts import Source
from stream.artifact import load_artifact, shipped
from stream.dead_letters import dead_letter
from stream.detector import Detector
from stream.events import Decoder
from stream.profile import parse
from stream.scorer import Scorer

NUMBER, TEXT, ENTITY, NESTED = 77665.25, "planted-terminal", "planted-card", "planted-name"
PLANTED = ("77665", "77,665", "7.7665", "planted")

PROFILE = """\
name: masked
entity: {field: card, noun: card}
time: {field: ts, unit: s}
features:
  - {name: number, kind: category, field: card, mask: true}
  - {name: amount, kind: number, field: amount, unit: EUR, mask: true}
  - {name: amount again, kind: number, field: amount, transform: log1p}
  - {name: terminal, kind: category, field: place.terminal, mask: true}
  - {name: terminal again, kind: category, field: place.terminal}
  - {name: of the terminal, kind: rate, of: field, field: place.terminal, seconds: 600}
  - {name: name, kind: category, field: customer.name, mask: true}
  - {name: pace, kind: elapsed}
alerts: {p: 1}
window: 8
peers: 16
show: [customer, place, place.terminal, card, amount, note]
"""


def event(at: int) -> dict[str, Any]:
    return {
        "card": f"{ENTITY}-{at % 3}",
        "ts": 1_700_000_000 + 60 * at,
        "amount": NUMBER,
        "place": {"terminal": f"{TEXT}-{at % 5}", "city": "Rome"},
        "customer": {"name": NESTED},
        "note": "in clear",
    }


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder(parse(PROFILE, "masked.yaml"))


def test_an_alert_holds_no_masked_value(decoder: Decoder) -> None:
    profile = decoder.profile
    scorer = Scorer(load_artifact(shipped()), profile.category, profile.direction)
    detector = Detector(profile, scorer, Source("events", 0))
    alerts = []
    for start in range(0, 2048, 512):
        values = [orjson.dumps(event(at)) for at in range(start, start + 512)]
        batch, rejects = decoder.decode(None, values, np.arange(start, start + 512))
        assert not rejects
        alerts += detector.on_batch(batch, start + 511).alerts
    assert len(alerts) > 10
    for alert in alerts:
        leaves = b"\n".join([alert.body(), alert.key, *(value for _, value in alert.headers())]).decode()
        assert b"in clear" in alert.body()
        assert not [text for text in PLANTED if text in leaves]


SECRET = "4929 1234 planted"
HOSTILE: list[object] = [
    SECRET,
    [SECRET],
    {SECRET: SECRET},
    4929.5e300,
    -(10**400),
    True,
    None,
    "",
    SECRET * 500,
]


@pytest.mark.parametrize("path", ["card", "ts", "amount", "place", "customer"])
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_dead_letter_s_headers_hold_no_value(decoder: Decoder, path: str, value: object) -> None:
    import json

    broken = json.dumps({**event(0), path: value}).encode()
    records = [broken, broken[:-2], b"[" + broken + b"]", broken * 2, b'"' + SECRET.encode() + b'"']
    _, rejects = decoder.decode(None, records, np.arange(5))
    assert len(rejects) >= 4
    for reject in rejects:
        told = b"\n".join(value for _, value in dead_letter(reject, "events", 0)).decode()
        assert not [text for text in ("4929", "planted", "77665", "Rome") if text in told]
