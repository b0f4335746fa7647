"""Files of attacks: which columns are used, and which rows become context, labels and queries."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from tests.bench.__main__ import benches
from tests.bench.attack_rows import cases, read_flows
from tests.bench.cluster import GaveUp


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Flows of which 300 are normal, 40 and 6 two attacks, and 2 one that is too rare."""
    rng = np.random.default_rng(1)
    kind = ["Benign"] * 200 + ["normal."] * 100 + ["flood"] * 40 + ["scan"] * 6 + ["worm"] * 2
    number = len(kind)
    columns = {
        "Src IP": [f"10.0.0.{i % 9}" for i in range(number)],
        "dport": rng.integers(0, 99, number),
        "Timestamp": np.arange(number),
        "Label": [one == "flood" for one in kind],
        "family": [one[:2] for one in kind],  # the class by another name
        # Tells one attack from everything, but not normal rows.
        "land": [float(one == "scan") for one in kind],
        "dst_host_same_src_port_rate": rng.random(number),
        "bytes": [None if i == 3 else float(i) + 1000 * (kind[i] == "flood") for i in range(number)],
        "proto": [None if i == 5 else ["tcp", "udp", "icmp"][i % 3] for i in range(number)],
        "attack_class": kind,
    }
    file = tmp_path / "flows.parquet"
    pyarrow.parquet.write_table(pa.table(columns), file)
    return file


def test_columns_that_name_places_times_or_classes_are_left_out(path: Path) -> None:
    flows = read_flows(path)
    assert flows.left_out == ("Src IP", "dport", "Timestamp", "Label", "family", "attack_class")
    assert flows.category.tolist() == [0, 0, 0, 1]
    assert np.isnan(flows.rows[3, 2]) and np.isnan(flows.rows[5, 3])
    assert set(flows.rows[:3, 3]) == {1.0, 2.0, 3.0}
    assert flows.classes() == ["flood", "scan"]
    assert read_flows(path, "bytes").rows.shape[1] == 7


def test_cases_hold_normal_rows_then_labelled_ones_and_ask_for_none_of_them(path: Path) -> None:
    flows = read_flows(path)
    for known, labelled in ((0, 0), (1, 1), (10, 3)):
        (case, other) = cases(flows, "scan", known, rows=100, queries=50, draws=2)
        assert case.rows.shape == (100 + labelled, 4)
        assert case.label.tolist() == [0] * 100 + [1] * labelled
        assert case.anomalous.sum() == 6 - labelled and (~case.anomalous).sum() == 50
        assert not np.array_equal(case.rows, other.rows, equal_nan=True)
        asked = {row.tobytes() for row in case.query}
        assert asked.isdisjoint(row.tobytes() for row in case.rows)


def test_a_file_without_classes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plain.parquet"
    pyarrow.parquet.write_table(pa.table({"bytes": [1, 2]}), file)
    with pytest.raises(GaveUp, match="no column attack_class; its columns are bytes"):
        read_flows(file)


def test_the_bench_gives_every_scorer_for_every_number_of_labels(path: Path) -> None:
    options = [
        "attacks",
        "--input",
        str(path),
        "--known",
        "0",
        "--known",
        "5",
        "--draws",
        "1",
        "--rows",
        "60",
    ]
    result = CliRunner().invoke(benches, options)
    assert result.exit_code == 0, result.output
    import orjson

    found = orjson.loads(result.stdout.splitlines()[-1])
    assert set(found["k"]["0"]) == {"onsight"}
    assert set(found["k"]["5"]) == {"onsight", "logistic", "forest", "nearest"}
    assert found["files"]["flows"] == found["k"]
