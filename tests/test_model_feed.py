"""The thread that follows the models topic, where there are no brokers; test_models.py has it on real ones."""

import os

import pytest
from card_stream import profile, scorer

from stream.job.model_feed import ModelFeed
from stream.settings import Settings


def test_brokers_that_are_away_do_not_end_the_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    settings = Settings(kafka="127.0.0.1:1", profile="card", input_topic="events")
    own = scorer()
    feed = ModelFeed(settings, profile().name, own, lambda _: own)
    feed.start()
    assert feed.ready.wait(20)
    assert feed.lineup.live is own
    assert not ended
    assert "can't be read for now: the brokers at 127.0.0.1:1 can't be reached" in caplog.text
