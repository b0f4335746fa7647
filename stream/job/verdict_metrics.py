"""What Prometheus reads of verdicts: what became of them, how often alerts are right, and the use of the budget."""

import time
from collections.abc import Iterator
from itertools import product
from statistics import fmean
from typing import TYPE_CHECKING, get_args

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from stream.days import DAY
from stream.hearing import OUTCOMES
from stream.verdict import Outcome

if TYPE_CHECKING:
    from stream.job.app import Job


def verdict_metrics(job: "Job") -> Iterator[Metric]:
    """Of one worker; each verdict's outcome is counted by the one that serves the event's partition."""
    counted = job.stages.counted("verdicts")
    family = CounterMetricFamily(
        "onsight_verdicts", "What became of verdicts.", labels=["verdict", "outcome"]
    )
    for verdict, outcome in product(get_args(Outcome), OUTCOMES):
        family.add_metric([verdict, outcome], counted.get(f"{verdict}/{outcome}", 0))
    yield family
    bad = sum(job.stages.counted("bad_verdicts").values())
    yield CounterMetricFamily("onsight_bad_verdicts", "Records that are no verdicts.", value=bad)
    held = [partition.detector for partition in list(job.store.partitions.values())]
    waiting = sum(len(job.verdicts.known.since(detector.feedback.heard)) for detector in held)
    yield GaugeMetricFamily(
        "onsight_verdicts_waiting", "Verdicts that partitions have still to apply.", value=waiting
    )
    yield GaugeMetricFamily("onsight_verdicts_known", "Verdicts read.", value=len(job.verdicts.known))
    profile = job.profile.name
    precision = job.verdicts.precision.since(time.time() - DAY)
    right = GaugeMetricFamily(
        "onsight_precision_ratio", "Confirmed of the last day's verdicts on alerts.", labels=["profile"]
    )
    if precision is not None:
        right.add_metric([profile], precision)
    yield right
    uses = [use for detector in held if (use := detector.policy.budget_use) is not None]
    used = GaugeMetricFamily(
        "onsight_budget_use_ratio",
        "Alerts of the last day of event time, as a share of the budget.",
        labels=["profile"],
    )
    if uses:
        used.add_metric([profile], fmean(uses))  # the same in whatever order partitions came
    yield used
