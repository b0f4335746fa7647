"""The meta-model: JAX and the exported graph agree on every clause of the contract, trained or not."""

from collections.abc import Callable

import jax
import numpy as np
import pytest

from export.checks import Model, Outputs
from export.contract import check
from export.evaluate import output_of, plain_inputs
from export.golden import Inputs, draw_inputs, golden_inputs
from export.meta.build import build
from export.meta.jax_ops import JaxOps
from export.meta.model import Contexts, bounded, contexts, strangeness
from export.meta.model import Inputs as ModelInputs
from export.meta.parameters import SIZES, Parameters, initial, settled
from export.metrics import auroc
from export.session import open_session

pytestmark = pytest.mark.usefixtures("quick_compiler")

TOLERANCE = 1e-5
EVENTS, ROWS, PEERS, COLUMNS = 16, 64, 128, 8
CASES = {
    **golden_inputs(),
    "long": draw_inputs(5, events=16, rows=64, peers=128, columns=8, missing=0.1),
    "single": draw_inputs(6, events=16, rows=1, peers=1, columns=1),
    "new entities": draw_inputs(7, events=16, rows=3, peers=40, columns=5),
    "plain": draw_inputs(8, events=16, rows=24, peers=24, columns=3, plain=True),
    "mostly missing": draw_inputs(9, events=16, rows=24, peers=24, columns=4, missing=0.6),
}


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    """Untrained, but with every bias away from 0, and ridges that don't magnify what rounding does to a kernel."""
    rng = np.random.default_rng(3)
    drawn = initial(SIZES["small"], 2)
    drawn["label_ridge"] = drawn["label_ridge"] + np.float32(1)
    return {
        name: value + rng.normal(0, 0.05, value.shape).astype(np.float32) for name, value in drawn.items()
    }


@pytest.fixture(scope="module")
def graph(parameters: Parameters) -> Model:
    session = open_session(build(parameters).SerializeToString())
    return lambda inputs: Outputs(*session.run(["score", "attribution"], dict(inputs)))


@pytest.fixture(scope="module")
def in_jax(parameters: Parameters) -> Callable[[Inputs], np.ndarray]:
    """The contract's inputs through the definition that is trained, compiled once: all filled up to one shape."""

    @jax.jit
    def score(inputs: tuple[np.ndarray, ...], query: np.ndarray) -> jax.Array:
        ops = JaxOps(parameters, coded_columns=COLUMNS)
        strange = strangeness(ops, contexts(ops, ModelInputs(*inputs)), query[:, None], query[None])
        return bounded(ops, strange)[:, 0]

    def filled_up(x: Inputs) -> np.ndarray:
        events, columns = x["query"].shape
        inputs = (
            _fill(x["window"].transpose(0, 2, 1), EVENTS, COLUMNS, ROWS),
            _fill(x["window_mask"], EVENTS, ROWS),
            _fill(x["window_label"] * x["window_mask"], EVENTS, ROWS),
            _fill(x["peers"].T[None], 1, COLUMNS, PEERS),
            _fill(x["peers_mask"][None], 1, PEERS),
            _fill((x["peers_label"] * x["peers_mask"])[None], 1, PEERS),
            _fill(x["category"], COLUMNS),
            _fill(x["direction"][None], 1, COLUMNS),
            _fill(np.ones((1, columns)), 1, COLUMNS),
        )
        return np.asarray(score(inputs, _fill(x["query"], EVENTS, COLUMNS)))[:events]

    return filled_up


def _fill(array: np.ndarray, *shape: int) -> np.ndarray:
    """`array` with zeros after it, in every axis, up to `shape`."""
    out = np.zeros(shape, np.float32)
    out[tuple(map(slice, array.shape))] = array
    return out


@pytest.mark.parametrize("case", CASES)
def test_training_and_export_agree(graph: Model, in_jax: Callable[[Inputs], np.ndarray], case: str) -> None:
    found = graph(CASES[case])
    np.testing.assert_allclose(found.score, in_jax(CASES[case]), rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(found.attribution.sum(1), 1, atol=TOLERANCE)


def test_the_contract_holds_before_any_training(graph: Model) -> None:
    about_labels = "confirmed anomalies are no evidence of being normal"  # that is learned
    failed = [one for one in check(graph) if not one.passed and one.sentence != about_labels]
    assert failed == []


def test_without_labels_other_events_labels_change_no_bit(graph: Model) -> None:
    plain = draw_inputs(12, events=16, rows=24, peers=24, columns=4, plain=True)
    marked = plain | {"window_label": plain["window_label"].copy()}
    marked["window_label"][0, :4] = 1
    before, after = graph(plain).score, graph(marked).score
    assert before[0] != after[0]
    assert np.array_equal(before[1:], after[1:])


def test_attribution_is_the_change_when_a_value_is_left_out(graph: Model) -> None:
    x = draw_inputs(13, events=16, rows=24, peers=24, columns=4, plain=True)

    def strange(inputs: Inputs) -> np.ndarray:
        score = graph(inputs).score.astype(np.float64) * 2 - 1
        return np.asarray(score / (1 - np.abs(score)))

    drop = []
    for column in range(4):
        without = x | {"query": x["query"].copy()}
        without["query"][:, column] = np.nan
        drop.append(np.maximum(strange(x) - strange(without), 0))
    expected = np.stack(drop, 1) + 1e-9
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(graph(x).attribution, expected, atol=1e-3)


def _weighed(parameters: Parameters, own: int, shared: int, lacking: int = 0) -> Contexts:
    """With so many confirmed rows of 16 in the window, of 32 in the peers, and columns of 4 that the window lacks."""
    rng = np.random.default_rng(4)
    window, peers = rng.normal(size=(1, 4, 16)), rng.normal(size=(1, 4, 32))
    window[:, :lacking] = np.nan
    labels = ((np.arange(each)[None] < number) for each, number in ((16, own), (32, shared)))
    window_label, peers_label = (label.astype(np.float32) for label in labels)
    mask, peers_mask = np.ones((1, 16)), np.ones((1, 32))
    columns = np.zeros(4), np.zeros((1, 4)), np.ones((1, 4))
    inputs = ModelInputs(window, mask, window_label, peers, peers_mask, peers_label, *columns)
    return contexts(JaxOps(parameters, coded_columns=1), inputs)


def test_confirmed_peers_give_the_peers_more_say_and_a_windows_labels_count_by_their_share(
    parameters: Parameters,
) -> None:
    says = [float(_weighed(parameters, 0, number).peers_weight[0, 0]) for number in (0, 1, 4, 16)]
    assert says == sorted(says)
    assert says[-1] > says[0] + 0.2
    shares = [float(_weighed(parameters, *labels).own_labels[0, 0]) for labels in ((2, 0), (1, 1), (1, 15))]
    assert shares == pytest.approx([1, 1 / 2, 1 / 16], abs=1e-5)


def test_a_window_says_the_less_the_more_it_lacks_of_what_the_peers_have(parameters: Parameters) -> None:
    says = [float(_weighed(parameters, 0, 0, lacking).window_weight[0, 0]) for lacking in range(5)]
    assert says == sorted(says, reverse=True)
    assert says[0] > 0.5
    assert says[-1] < 0.1


@pytest.mark.parametrize("missing", [0, 2])
def test_a_lone_column_is_scored_mostly_by_its_robust_deviation(parameters: Parameters, missing: int) -> None:
    """So rows that nobody has noticed hide less; also where it is alone in that the other columns are missing."""
    rng = np.random.default_rng(6)
    rows, query = np.full((64, 1 + missing), np.nan), np.full((40, 1 + missing), np.nan)
    rows[:, 0] = np.concatenate([rng.normal(size=56), np.full(8, 4.0)])
    query[:, 0] = np.concatenate([rng.normal(size=20), np.full(20, 4.0)])

    def caught(given: Parameters) -> float:
        score = output_of(build(given).SerializeToString(), "score")(plain_inputs(query, rows, rows[:0]))
        return auroc(score, np.arange(40) >= 20)

    assert caught(parameters) > 0.9
    assert caught(parameters) > caught(settled(parameters, 0.0)) + 0.02
