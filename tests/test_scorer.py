"""The scorer: the same bits whatever the batch, one output's work at a time, and refusals that say why."""

from dataclasses import replace
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from export.golden import Inputs, draw_inputs
from stream.artifact import Artifact, GoldenCase, load_artifact, shipped
from stream.context import Context, Peers
from stream.errors import ContractError
from stream.prune import only_output
from stream.scorer import Scorer


@cache
def artifact() -> Artifact:
    return load_artifact(shipped())


@cache
def scorer(columns: int, batch: int = 64) -> Scorer:
    inputs = draw_inputs(0, events=1, rows=0, peers=0, columns=columns)
    return Scorer(artifact(), inputs["category"], inputs["direction"], batch=batch)


def ask(scorer: Scorer, inputs: Inputs, events: np.ndarray, output: str = "score") -> np.ndarray:
    """Score the chosen `events` of the inputs, in that order, as one batch."""
    context = Context(*(inputs[name][events] for name in ("window", "window_mask", "window_label")))
    peers = Peers(*(inputs[name] for name in ("peers", "peers_mask", "peers_label")))
    return (scorer.score if output == "score" else scorer.attribute)(inputs["query"][events], context, peers)


@pytest.mark.parametrize("labels", [0, 1])
def test_the_learned_model_scores_the_same_bits_in_any_batch(labels: int) -> None:
    learned, rng = load_artifact(shipped("onsight")), np.random.default_rng(1)
    for seed, (columns, rows, peers) in enumerate([(1, 8, 0), (3, 16, 37), (8, 64, 128)]):
        inputs = draw_inputs(seed, events=48, rows=rows, peers=peers, columns=columns, missing=0.05)
        for name in ("window_label", "peers_label"):
            inputs[name] = inputs[name] * np.float32(labels)
        scorer = Scorer(learned, inputs["category"], inputs["direction"], batch=64)
        whole = ask(scorer, inputs, np.arange(48))
        for number in (1, 5, 30, 41):
            chosen = rng.permutation(48)[:number]
            np.testing.assert_array_equal(ask(scorer, inputs, chosen), whole[chosen])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    columns=st.integers(1, 12),
    rows=st.sampled_from([0, 8, 64]),
    peers=st.sampled_from([0, 1, 37, 100, 128]),
    missing=st.sampled_from([0.0, 0.1]),
    data=st.data(),
)
def test_an_event_scores_the_same_bits_in_any_batch(
    seed: int, columns: int, rows: int, peers: int, missing: float, data: st.DataObject
) -> None:
    inputs = draw_inputs(seed, events=80, rows=rows, peers=peers, columns=columns, missing=missing)
    everything = ask(scorer(columns), inputs, np.arange(80))
    chosen = np.array(data.draw(st.lists(st.integers(0, 79), min_size=1, max_size=80, unique=True)))
    for batch in (4, 16, 64, 256):
        for output in ("score", "attribution"):
            whole = everything if output == "score" else ask(scorer(columns), inputs, np.arange(80), output)
            part = ask(scorer(columns, batch), inputs, chosen, output)
            np.testing.assert_array_equal(part, whole[chosen], err_msg=f"{output} in batches of {batch}")


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    columns=st.integers(1, 12),
    rows=st.sampled_from([0, 8, 64]),
    peers=st.sampled_from([0, 1, 37, 128]),
    missing=st.sampled_from([0.0, 0.1]),
)
def test_the_model_in_two_parts_gives_the_bits_of_the_whole(
    seed: int, columns: int, rows: int, peers: int, missing: float
) -> None:
    inputs = draw_inputs(seed, events=64, rows=rows, peers=peers, columns=columns, missing=missing)
    split = Scorer(artifact(), inputs["category"], inputs["direction"])
    for output in ("score", "attribution"):
        expected = whole(output).run([output], dict(inputs))[0]
        np.testing.assert_array_equal(ask(split, inputs, np.arange(64), output), expected)


@cache
def whole(output: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # Threads would share out a product's rows, and where a share ends bits may differ; a worker has one.
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(only_output(artifact().model, output), options)


def test_each_peers_results_are_kept_apart() -> None:
    inputs = draw_inputs(0, events=16, rows=8, peers=37, columns=3)
    samples = [
        Peers(inputs["peers"] * scale, inputs["peers_mask"], inputs["peers_label"]) for scale in (1, 2)
    ]
    context = Context(*(inputs[name] for name in ("window", "window_mask", "window_label")))
    for sample in samples * 2:
        expected = whole("score").run(["score"], {**inputs, **profile(3), "peers": sample.rows})[0]
        np.testing.assert_array_equal(scorer(3).score(inputs["query"], context, sample), expected)


def test_a_later_call_leaves_earlier_scores_alone() -> None:
    inputs = draw_inputs(7, events=40, rows=8, peers=37, columns=3)
    first = ask(scorer(3), inputs, np.arange(20))
    before = first.copy()
    later = ask(scorer(3), inputs, np.arange(20, 40))
    np.testing.assert_array_equal(first, before)
    assert not np.array_equal(first, later)


def profile(columns: int) -> Inputs:
    """What `scorer(columns)` knows of its columns."""
    inputs = draw_inputs(0, events=1, rows=0, peers=0, columns=columns)
    return {name: inputs[name] for name in ("category", "direction")}


def test_no_events_have_no_scores() -> None:
    inputs = draw_inputs(1, events=4, rows=8, peers=8, columns=3)
    nothing = np.arange(0)
    assert ask(scorer(3), inputs, nothing).shape == (0,)
    assert ask(scorer(3), inputs, nothing, "attribution").shape == (0, 3)


def test_warm_up_accepts_the_shipped_artifact() -> None:
    scorer(3).warm_up(rows=64, peers=128)


def test_warm_up_refuses_other_golden_scores() -> None:
    first = artifact().golden[0]
    moved = GoldenCase("moved", first.inputs, first.score + np.float32(1e-4), first.attribution)
    wrong = Scorer(replace(artifact(), golden=(moved,)), np.zeros(3), np.zeros(3))
    with pytest.raises(ContractError, match=r"score of golden case 'moved' differs by 0\.0001"):
        wrong.warm_up(rows=8, peers=8)


def test_inputs_that_the_contract_does_not_know_are_refused() -> None:
    model = onnx.load_from_string(artifact().model)
    model.graph.input.append(helper.make_tensor_value_info("tenant", onnx.TensorProto.FLOAT, ["B"]))
    with pytest.raises(ContractError, match=r"input 'tenant' is .*, the contract says there is none"):
        Scorer(replace(artifact(), model=model.SerializeToString()), np.zeros(3), np.zeros(3))


def test_pruning_leaves_only_what_the_output_needs() -> None:
    whole = onnx.load_from_string(artifact().model)
    score = onnx.load_from_string(only_output(artifact().model, "score"))
    onnx.checker.check_model(score, full_check=True)
    assert [output.name for output in score.graph.output] == ["score"]
    assert len(score.graph.node) < len(whole.graph.node)
    assert {x.name for x in score.graph.input} == {x.name for x in whole.graph.input}


def test_pruning_keeps_what_a_branch_reads_from_outside() -> None:
    value = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["B"])]
    branch = helper.make_graph(
        [helper.make_node("Identity", ["kept"], ["inside"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inside", onnx.TensorProto.FLOAT, ["B"])],
    )
    nodes = [
        helper.make_node("Neg", ["x"], ["kept"]),
        helper.make_node("Abs", ["x"], ["left out"]),
        helper.make_node("If", ["condition"], ["score"], then_branch=branch, else_branch=branch),
    ]
    condition = helper.make_tensor("condition", onnx.TensorProto.BOOL, [], [True])
    outputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["B"]) for name in ("score", "left out")
    ]
    model = helper.make_model(helper.make_graph(nodes, "g", value, outputs, [condition]))
    pruned = onnx.load_from_string(only_output(model.SerializeToString(), "score"))
    assert [node.op_type for node in pruned.graph.node] == ["Neg", "If"]
