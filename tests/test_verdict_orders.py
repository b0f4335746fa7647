"""Verdicts as people give them: what a line may say, and what is looked up for it."""

import numpy as np
import orjson
import pytest
from card_stream import events, profile

from stream.alerts import Source
from stream.errors import InputError
from stream.events import Decoder
from stream.profile import parse
from stream.verdict import Verdict
from stream.verdict_orders import Order, Place, on_alert, on_event, place_of, read_order

PLACE = Place(Source("payments", 3), 81224)


def test_lines_name_an_alert_or_an_event() -> None:
    first = read_order(b'{"alert":"a1","verdict":"confirmed"}', "ann", 5.0)
    assert first == Order("a1", "confirmed", "ann", 5.0)
    second = b'{"event":"payments/3/81224","verdict":"dismissed","by":"bob","at":"1970-01-01T00:00:09Z"}'
    assert read_order(second, "ann", 5.0) == Order(PLACE, "dismissed", "bob", 9.0)
    whole = Verdict("a1", "c1", "confirmed", "ann", 1e9, PLACE.source, 7)
    assert read_order(whole.body(), "bob", 5.0) == whole


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "expected JSON"),
        (b"[]", "expected a JSON object"),
        (b'{"verdict":"confirmed"}', 'either "alert" or "event"'),
        (b'{"alert":"a","event":"t/0/1","verdict":"confirmed"}', 'either "alert" or "event"'),
        (b'{"alert":"a","verdict":"yes"}', "found 'yes'"),
        (b'{"event":"t/0","verdict":"confirmed"}', "expected topic/partition/offset.*found 't/0'"),
        (b'{"alert":"a","verdict":"confirmed","at":"noon"}', "found 'noon'"),
    ],
)
def test_wrong_lines_say_what_was_expected(line: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_order(line, "ann", 0.0)


@pytest.mark.parametrize("text", ["", "t", "t/1", "t/x/1", "t/1/-1", "/1/1"])
def test_places_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="expected topic/partition/offset"):
        place_of(text)
    assert str(place_of("payments/3/81224")) == "payments/3/81224"


def test_a_verdict_on_an_alert_tells_what_the_alert_tells() -> None:
    body = orjson.dumps(
        {
            "id": "a1",
            "entity": "c1",
            "source": {"topic": "payments", "partition": 3, "offset": 81224},
            "features": {"amount": 3.5},
            "event": {"terminal": "t1"},
        }
    )
    verdict = on_alert(Order("a1", "dismissed", "ann", 9.0), body)
    assert verdict.subject == str(PLACE)
    assert not verdict.on_event
    assert (verdict.entity, verdict.features, verdict.event) == ("c1", {"amount": 3.5}, {"terminal": "t1"})


def test_a_verdict_on_an_event_tells_what_it_holds_and_nothing_masked() -> None:
    order = Order(PLACE, "confirmed", "ann", 9.0)
    record = orjson.loads(events(200)[0][1])
    batch, _ = Decoder(profile()).decode(None, [events(200)[0][1]], np.array([PLACE.offset]))
    verdict = on_event(order, PLACE, profile(), batch)
    assert verdict.on_event
    assert verdict.features == {"amount": record["amount"], "country": record["country"]}
    assert verdict.event["terminal"] == record["terminal"]
    hiding = parse(
        "name: h\nentity: {field: card}\ntime: {field: ts, unit: ms}\nfeatures:\n"
        "  - {name: card, kind: category, field: card, mask: true}\n"
        "  - {name: amount, kind: number, field: amount, mask: true}\n"
        "  - {name: country, kind: category, field: country}\nalerts: {p: 0.1}\n",
        "h.yaml",
    )
    batch, _ = Decoder(hiding).decode(None, [events(200)[0][1]], np.array([PLACE.offset]))
    hidden = on_event(order, PLACE, hiding, batch)
    assert hidden.entity.startswith("sha256:")
    assert hidden.features == {"country": record["country"]}
    assert record["card"] not in hidden.body().decode()
    assert "amount" not in hidden.event
