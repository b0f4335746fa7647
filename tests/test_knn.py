"""The nearest-neighbour graph: equal to the same mathematics in plain numpy, and sensible where it matters."""

import numpy as np
import pytest

from export.checks import Model, Outputs
from export.contract import open_model
from export.golden import Inputs, draw_inputs
from export.knn import ANCHORS, BANDWIDTH, PEER_ROWS
from export.scale import FARTHEST, SCALE_ROWS, UNVARIED
from export.surprise import NEIGHBOURS, SURPRISE
from stream.artifact import BASELINE, load_artifact, shipped

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model(load_artifact(shipped(BASELINE)).model)


class Reference:
    """Rows [M, F] on their robust scale, one reference at a time, in float64."""

    def __init__(self, rows: np.ndarray, keep: np.ndarray, inputs: Inputs, prior: "Reference | None") -> None:
        category, direction = inputs["category"], inputs["direction"]
        self.rows = rows[keep].astype(np.float64)
        self.codes = [column for column in range(rows.shape[1]) if category[column]]
        present = ~np.isnan(self.rows)
        self.count, self.present = len(self.rows), present.sum(0)
        divisor = np.maximum(self.present, 1)
        average = np.where(present, self.rows, 0).sum(0) / divisor
        apart = np.where(present, self.rows - average, 0)
        weight = present / (np.abs(apart) + 0.3 * np.abs(apart).sum(0) / divisor + 1e-30)
        step = (weight * apart).sum(0) / (weight.sum(0) + 1e-30)
        self.centre = average + step
        root = np.sqrt(np.abs(np.where(present, apart - step, 0))).sum(0)
        if prior is None:
            self.root = root / divisor
        else:
            borrowed = min(prior.count, SCALE_ROWS)
            self.root = (root + prior.root * borrowed) / np.maximum(self.present + borrowed, 1)
        least = np.abs(self.centre) * 1e-5 + 1e-30
        self.limit = np.where(self.root**2 <= least, UNVARIED, FARTHEST)
        self.gain = (1 - category) * np.where(direction < 0, -1, 1) / np.maximum(self.root**2, least)
        self.floor = np.maximum(np.where(direction == 0, -FARTHEST, 0), -self.limit)
        self.z = np.where(present, (self.rows - self.centre) * self.gain, 0)

    def strangeness(self, query: np.ndarray) -> tuple[float, np.ndarray]:
        known = ~np.isnan(query)
        standing = np.where(known, (np.where(known, query, 0) - self.centre) * self.gain, 0)
        standing = np.clip(standing, self.floor, self.limit)
        square = np.where(known, (standing - self.z) ** 2, 0)
        square = square[np.argsort(square.sum(1), kind="stable")[:NEIGHBOURS]]
        distance = np.sqrt(square.sum(1) + BANDWIDTH)
        far = distance.sum() / max(len(distance), 1) / self.typical()
        surprise = self.surprise(query)
        part = (square / distance[:, None]).sum(0)
        return far + surprise.sum(), part / (part.sum() + 1e-30) * far + surprise

    def typical(self) -> float:
        """The mean distance of the anchors to their nearest other rows, with one pair at distance 1 presumed."""
        radius = np.sqrt((self.z**2).sum(1))
        anchors = np.argsort(np.abs(radius - radius.sum() / max(self.count, 1)), kind="stable")[:ANCHORS]
        distances = [1.0]
        for anchor in anchors:
            square = ((self.z[anchor] - np.delete(self.z, anchor, axis=0)) ** 2).sum(1)
            distances.extend(np.sqrt(np.sort(square)[:NEIGHBOURS] + BANDWIDTH))
        return float(np.mean(distances))

    def surprise(self, query: np.ndarray) -> np.ndarray:
        known = ~np.isnan(query)
        enough = np.clip(self.count, 1, NEIGHBOURS)
        alike = np.where(known, self.present, self.count - self.present)
        rare = np.maximum(1 - alike / NEIGHBOURS, 0) * (self.count - alike) / (alike + 2)
        for column in self.codes:
            codes = self.rows[:, column]
            new = max(1 - (codes == query[column]).sum() / enough, 0) * known[column]
            others = (codes[:, None] == codes).sum(1) - 1.0
            fresh = np.clip(1 - others / np.clip(self.count - 1, 1, NEIGHBOURS), 0, 1).sum()
            rare[column] += new * (self.count - fresh) / (fresh + 2)
        return rare * SURPRISE


def plain_numpy(inputs: Inputs) -> Outputs:
    """What the graph says, one event at a time."""
    kept = (inputs["peers_mask"] > 0) & (inputs["peers_label"] != 1)
    peers = Reference(inputs["peers"], kept, inputs, None)
    weight = min(peers.count, PEER_ROWS)
    scores, shares = [], []
    for query, rows, mask, label in zip(
        *(inputs[name] for name in ("query", "window", "window_mask", "window_label")), strict=True
    ):
        window = Reference(rows, (mask > 0) & (label != 1), inputs, peers)
        total = window.count + weight
        own, own_share = window.strangeness(query.astype(np.float64))
        other, other_share = peers.strangeness(query.astype(np.float64))
        strange = (own * window.count + other * weight) / total if total else 1.0
        share = own_share * window.count + other_share * weight
        share = share + share.sum() * 1e-6 + 1e-30
        scores.append(1 - 1 / (1 + strange**0.25))
        shares.append(share / share.sum())
    return Outputs(np.array(scores), np.array(shares))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("rows", "peers"), [(64, 128), (24, 0), (0, 100), (8, 1), (0, 0)])
def test_the_graph_is_the_mathematics(model: Model, seed: int, rows: int, peers: int) -> None:
    inputs = draw_inputs(seed, events=40, rows=rows, peers=peers, columns=1 + seed * 2, missing=0.04)
    seen, expected = model(inputs), plain_numpy(inputs)
    np.testing.assert_allclose(seen.score, expected.score, atol=TOLERANCE)
    np.testing.assert_allclose(seen.attribution, expected.attribution, atol=1e-4)


def test_a_usual_event_scores_about_a_half_and_a_far_one_more(model: Model) -> None:
    inputs = draw_inputs(2, events=1, rows=64, peers=128, columns=3, plain=True)
    inputs["query"] = inputs["window"][:, 0].copy()
    usual = model(inputs).score[0]
    assert 0.45 < usual < 0.53
    inputs["query"][0, 0] += 20 * np.std(inputs["window"][0, :, 0])
    assert model(inputs).score[0] > usual + 0.05
    assert model(inputs).attribution[0, 0] > 0.8


def one_category(codes: list[float], query: float) -> dict[str, np.ndarray]:
    inputs = draw_inputs(3, events=1, rows=len(codes), peers=0, columns=2, plain=True)
    inputs["category"][1] = 1
    inputs["window"][0, :, 1], inputs["query"][0, 1] = codes, query
    return inputs


def test_a_value_never_seen_is_stranger_where_values_seldom_change(model: Model) -> None:
    seldom, often = one_category([7.0] * 32, 9.0), one_category([float(i) for i in range(32)], 99.0)
    seen = one_category([7.0] * 32, 7.0)
    assert model(seldom).score > model(often).score + 0.1
    assert model(often).score < model(seen).score + 0.01
    assert model(seldom).attribution[0, 1] > 0.8


def test_a_column_that_never_varied_is_strange_once_it_does(model: Model) -> None:
    inputs = draw_inputs(4, events=1, rows=32, peers=16, columns=2, plain=True)
    for name in ("window", "peers"):
        inputs[name][..., 1] = 5.0
    inputs["query"][0, 1] = 5.0
    same = model(inputs).score
    inputs["query"][0, 1] = 5.1
    assert model(inputs).score > same + 0.05
    inputs["direction"][1] = -1
    assert model(inputs).score == pytest.approx(same, abs=TOLERANCE)


def test_a_new_entity_leans_on_its_peers(model: Model) -> None:
    inputs = draw_inputs(5, events=1, rows=64, peers=128, columns=2, plain=True)
    inputs["query"] = np.median(inputs["peers"], axis=0, keepdims=True)
    inputs["window"] += (inputs["query"] - np.median(inputs["window"], axis=1)) * 9
    own = model(inputs).score
    inputs["window_mask"][:, :-1] = 0
    assert model(inputs).score < own
