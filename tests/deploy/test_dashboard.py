"""Every panel of the dashboard asks a real Prometheus that scrapes a real worker. Needs apt-get (Debian)."""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from tools import CHART, HERE, debian

sys.path[:0] = [str(HERE.parent), str(HERE.parent / "integration")]  # the streams and workers of other tests

from card_stream import PROFILE, events  # noqa: E402
from deployment import PARTITIONS, Deployment, produce, read, wait_for  # noqa: E402
from kafka import KafkaAdminClient  # noqa: E402

from stream.alerts import Source  # noqa: E402
from stream.verdict import Outcome, Verdict  # noqa: E402

DASHBOARD: dict[str, Any] = json.loads((CHART / "dashboards" / "onsight.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SCRAPES = 6
# What a worker says only where its profile has a budget, its events were watched for long, or a model is on trial.
RARE = {
    "budget_use_ratio",
    "shadow_info",
    "drift_psi",
    "drift_ks",
    "drift_episodes_total",
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def query(prometheus: int, path: str, **parameters: object) -> Any:
    words = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"http://127.0.0.1:{prometheus}/api/v1/{path}?{words}", timeout=10) as answer:
        body = json.load(answer)
    assert body["status"] == "success", body
    return body["data"]


@pytest.fixture(scope="module")
def worker(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a worker that has seen events, good and bad, and forgets entities."""
    profile = tmp_path_factory.mktemp("worker") / "often.yaml"
    profile.write_text(PROFILE)
    port, name = free_port(), "dashboard-events"
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        admin.create_topics(
            {name: {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True
        )
        deployment = Deployment(kafka, profile, name, admin, health_port=port, max_keys=2)
        deployment.start()
        produce(kafka, name, [*events(4000)[:2000], (b"k", b"broken{")])
        deployment.settle()
        alerts = [orjson.loads(record.value) for record in read(kafka, deployment.alerts)]
        produce(kafka, deployment.verdicts, map(judged, alerts[:2], get_args(Outcome)))
        yield port
        deployment.close()
        admin.delete_topics([name])


def judged(alert: dict[str, Any], outcome: Outcome) -> tuple[bytes, bytes]:
    """The key and the body of a verdict on an alert, given now."""
    source = Source(alert["source"]["topic"], alert["source"]["partition"])
    offset, features = alert["source"]["offset"], alert["features"]
    verdict = Verdict(alert["id"], alert["entity"], outcome, "test", time.time(), source, offset, features)
    return verdict.key, verdict.body()


@pytest.fixture(scope="module")
def prometheus(worker: int, kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Prometheus that has scraped the worker some times while it scored."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "onsight", "static_configs": [{"targets": [f"127.0.0.1:{worker}"]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    command = [
        debian("prometheus", "usr/bin/prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)
    try:
        for number in range(SCRAPES):
            wait_for(lambda wanted=number: scraped(process, port, folder) > wanted, "Prometheus to scrape")
            start = 2000 + number * 300
            produce(kafka, "dashboard-events", events(4000)[start : start + 300])
        yield port
    finally:
        process.terminate()
        process.wait(20)


def scraped(process: subprocess.Popen[bytes], port: int, folder: Path) -> float:
    assert process.poll() is None, (folder / "log").read_text()
    try:
        result = query(port, "query", query="count_over_time(onsight_ready[1m])")["result"]
    except OSError:
        return 0
    return float(result[0]["value"][1]) if result else 0


def filled(expression: str) -> str:
    """The expression as Grafana sends it where nothing is chosen."""
    for name in ("namespace", "job"):
        expression = expression.replace(f"${name}", ".*")
    return expression.replace("$__rate_interval", "30s")


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_shows_something(panel: dict[str, Any], prometheus: int) -> None:
    assert panel["description"]
    for target in panel["targets"]:
        expression = filled(target["expr"])
        assert "$" not in expression
        now = time.time()
        data = query(prometheus, "query_range", query=expression, start=now - 30, end=now, step=1)
        if not RARE & set(re.findall(r"onsight_(\w+)", expression)):
            assert data["result"], f"nothing for {expression}"
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            assert all(label in series["metric"] for series in data["result"]), label


def test_every_metric_of_the_worker_is_on_the_dashboard(prometheus: int, worker: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{worker}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    families = re.findall(r"^# TYPE onsight_(\w+)", text, re.MULTILINE)
    asked = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    missing = [name for name in families if not re.search(rf"onsight_{name.removesuffix('_total')}", asked)]
    assert not missing


def test_every_metric_that_a_rule_or_panel_asks_for_is_the_workers(worker: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{worker}/metrics", timeout=10) as answer:
        served = set(re.findall(r"^onsight_(\w+)", answer.read().decode(), re.MULTILINE))
    texts = [target["expr"] for panel in PANELS for target in panel["targets"]]
    texts += [path.read_text().partition("for:")[0] for path in (CHART / "rules").glob("*.yaml")]
    asked = {name for text in texts for name in re.findall(r"onsight_(\w+)", text)}
    assert asked - RARE <= served


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
