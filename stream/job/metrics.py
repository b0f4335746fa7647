"""What Prometheus reads: collected when it asks, from what the worker counts anyway.

Nothing here is called by the event path. docs/operations.md lists the metrics and what to do about them.
"""

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from stream.job.histogram import Histogram
from stream.job.pulse import Pulse
from stream.job.verdict_metrics import verdict_metrics
from stream.policy import SEVERITIES
from stream.scorer import Scorer

if TYPE_CHECKING:
    from stream.job.app import Job


def registry(job: "Job", pulse: Pulse) -> CollectorRegistry:
    """Everything that /metrics serves: the worker's own, and what Prometheus usually asks of a process."""
    made = CollectorRegistry()
    made.register(WorkerMetrics(job, pulse))
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    return made


class WorkerMetrics(Collector):
    """One worker's; read from the health thread while the event loop writes, so every number may be one run old."""

    def __init__(self, job: "Job", pulse: Pulse) -> None:
        self._job, self._pulse = job, pulse

    def describe(self) -> Iterable[Metric]:
        """Nothing: asked at registration, when there is nothing to collect from yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._counts()
        yield from self._times()
        yield from self._partitions()
        yield from verdict_metrics(self._job)
        yield from self._model()
        yield from self._drift()
        yield from self._process()

    def _counts(self) -> Iterator[Metric]:
        counted = self._job.stages.counted
        yield _counter("events", "Events read.", "partition", counted("events"))
        yield _counter(
            "bad_events", "Events that went to the dead letters.", "reason", counted("dead_letters")
        )
        yield _counter("alerts", "Alerts sent.", "severity", dict.fromkeys(SEVERITIES, 0) | counted("alerts"))
        held_back = {"folded": 0, "over_budget": 0, "calmed": 0} | counted("suppressed")
        why = "Alerts not sent: folded into one, over the budget, or like dismissed ones."
        yield _counter("suppressed", why, "why", held_back)
        dead = sum(counted("dead_letters").values())
        yield CounterMetricFamily("onsight_dead_letters", "Records sent to the dead letters.", value=dead)
        written = self._job.sink.changelog_bytes
        yield CounterMetricFamily("onsight_changelog_bytes", "Bytes of state written.", value=written)

    def _times(self) -> Iterator[Metric]:
        stages = self._job.stages
        spent = HistogramMetricFamily("onsight_stage_seconds", "Time of a run in a stage.", labels=["stage"])
        for stage, histogram in list(stages.seconds.items()):
            spent.add_metric([stage], histogram.cumulative(), histogram.sum)
        yield spent
        yield _histogram("batch_events", "Events of a run.", stages.batch)
        latency = "From an event's time at the broker to its alert's acknowledgement."
        yield _histogram("alert_latency_seconds", latency, stages.latency)

    def _partitions(self) -> Iterator[Metric]:
        labels = ["topic", "partition"]
        events = GaugeMetricFamily("onsight_lag_events", "Events not yet done.", labels=labels)
        seconds = GaugeMetricFamily("onsight_lag_seconds", "How late the next event is.", labels=labels)
        for (topic, number), lag in list(self._pulse.lags.partitions.items()):
            events.add_metric([topic, str(number)], lag.events)
            if lag.seconds is not None:
                seconds.add_metric([topic, str(number)], lag.seconds)
        yield events
        yield seconds
        keys = GaugeMetricFamily("onsight_keys", "Entities remembered.", labels=["partition"])
        evicted = 0
        held = list(self._job.store.partitions.items())
        for number, partition in held:
            slots = partition.detector.windows.slots
            keys.add_metric([str(number)], len(slots))
            evicted += slots.evictions
        yield keys
        yield CounterMetricFamily("onsight_evictions", "Entities forgotten for want of room.", value=evicted)
        assigned = len(self._pulse.lags.partitions)
        yield _gauge("assigned_partitions", "Source partitions that this worker serves.", assigned)

    def _model(self) -> Iterator[Metric]:
        feed = self._job.models.feed
        labels = ["digest", "version", "kind"]
        model = GaugeMetricFamily("onsight_model_info", "The model in use.", labels=labels)
        model.add_metric(_about(feed.lineup.live), 1)
        yield model
        shadow = GaugeMetricFamily("onsight_shadow_info", "The model on trial.", labels=labels)
        if feed.lineup.shadow:
            shadow.add_metric(_about(feed.lineup.shadow), 1)
        yield shadow
        yield _gauge(
            "model_age_seconds", "Since when this worker uses the model.", time.monotonic() - feed.since
        )
        yield _gauge("models_refused", "Models that the topic names and that are not used.", feed.refused)

    def _drift(self) -> Iterator[Metric]:
        """The worst of the partitions that this worker holds, by feature."""
        psi: dict[str, float] = {}
        ks: dict[str, float] = {}
        for _, partition in list(self._job.store.partitions.items()):
            for monitor in partition.detector.drift.monitors:
                for worst, values in ((psi, monitor.psi), (ks, monitor.ks)):
                    for name, value in zip(monitor.names, values.tolist(), strict=True):
                        if value == value:
                            worst[name] = max(value, worst.get(name, 0.0))
        yield _gauges("drift_psi", "Population stability index of the last window.", "feature", psi)
        yield _gauges("drift_ks", "Kolmogorov-Smirnov distance of the last window.", "feature", ks)
        begun = self._job.stages.counted("drifts")
        yield _counter("drift_episodes", "Times that a drift began.", "feature", begun)

    def _process(self) -> Iterator[Metric]:
        pulse = self._pulse
        yield _gauge("ready", "1 once state and model are there and partitions assigned.", float(pulse.ready))
        yield _gauge("recovery_ratio", "How much of the state is read back.", pulse.recovery_ratio)
        yield _gauge("loop_lag_seconds", "Worst lateness of the event loop in half a minute.", pulse.loop_lag)


def _about(model: Scorer) -> list[str]:
    return [model.digest, model.version, model.name]


def _counter(name: str, what: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"onsight_{name}", what, labels=[label])
    for which, value in values.items():
        family.add_metric([which], value)
    return family


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"onsight_{name}", what, value=value)


def _gauges(name: str, what: str, label: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(f"onsight_{name}", what, labels=[label])
    for which, value in values.items():
        family.add_metric([which], value)
    return family


def _histogram(name: str, what: str, values: Histogram) -> Metric:
    family = HistogramMetricFamily(f"onsight_{name}", what)
    family.add_metric([], values.cumulative(), values.sum)
    return family
