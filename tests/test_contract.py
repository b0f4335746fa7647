"""The checklist: the shipped artifact passes every check, and for each check a broken graph fails it."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from onnx import helper, numpy_helper

from export.checks import CHECKS, Outputs
from export.cli import cli
from export.contract import check, verify
from export.golden import Inputs
from export.knn import build
from stream.artifact import OUTPUTS, shipped


def test_the_shipped_artifact_passes_every_check() -> None:
    findings = verify(shipped())
    assert [finding for finding in findings if not finding.passed] == []
    assert len(findings) == len(CHECKS) + 2


def test_verify_prints_json_and_exits_by_the_result(tmp_path: Path) -> None:
    good = CliRunner().invoke(cli, ["verify", str(shipped()), "--json"])
    assert (good.exit_code, json.loads(good.output)["passed"]) == (0, True)
    bad = CliRunner().invoke(cli, ["verify", str(tmp_path)])
    assert (bad.exit_code, "FAIL" in bad.output) == (1, True)


@cache
def whole() -> bytes:
    return build().SerializeToString()


def node(kind: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def broken_output(name: str, *nodes: onnx.NodeProto) -> onnx.ModelProto:
    """The graph with `nodes` between what it says (`<name>_was`) and what comes out (`name`)."""
    model = onnx.load_from_string(whole())
    for one in model.graph.node:
        if one.output[0] == name:
            one.output[0] = f"{name}_was"
    model.graph.node.extend(nodes)
    return with_constants(model)


def broken_input(name: str, *nodes: onnx.NodeProto) -> onnx.ModelProto:
    """The graph with `nodes` between an input (`name`) and what it reads (`<name>_seen`)."""
    model = onnx.load_from_string(whole())
    for one in model.graph.node:
        one.input[:] = [f"{name}_seen" if read == name else read for read in one.input]
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return with_constants(model)


def with_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with the constants that broken ones use."""
    for name, value in {"zero": 0.0, "one": 1.0, "half": 0.5, "tenth": 0.1, "hundred": 100.0}.items():
        model.graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
    for axis in (0, 1):
        for name, value in ((f"axis{axis}", [axis]), (f"axis{axis}_scalar", axis)):
            model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), name))
    return model


def added(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """The graph whose score has `more` [B], made by `nodes`, added to it."""
    return broken_output("score", *nodes, node("Add", "score_was more", "score"))


BROKEN = {
    "the score is in [0, 1]": lambda: broken_output("score", node("Add", "score_was score_was", "score")),
    "the score is strictly ordered: no saturation ties": lambda: broken_output(
        "score",
        node("Mul", "score_was hundred", "scaled"),
        node("Floor", "scaled", "whole"),
        node("Div", "whole hundred", "score"),
    ),
    "the attribution is not negative and sums to 1": lambda: broken_output(
        "attribution", node("Mul", "attribution_was half", "attribution")
    ),
    "R may be 0": lambda: added(
        node("ReduceSum", "window_mask axis1", "rows", keepdims=0),
        node("Div", "rows rows", "one_or_nan"),
        node("Mul", "one_or_nan zero", "more"),
    ),
    "P may be 0": lambda: added(
        node("ReduceSum", "peers_mask axis0", "rows", keepdims=1),
        node("Div", "rows rows", "one_or_nan"),
        node("Mul", "one_or_nan zero", "more"),
    ),
    "with neither window nor peers the score is 0.5": lambda: broken_output(
        "score", node("Mul", "score_was half", "score")
    ),
    "missing values are NaN, in query or context": lambda: added(
        node("ReduceSum", "query axis1", "sum", keepdims=0),
        node("Clip", "sum zero zero", "flat"),
        node("Mul", "sum zero", "nan"),
        node("Add", "flat nan", "more"),
    ),
    "huge and constant values give scores too": lambda: added(
        node("Mul", "query query", "squares"),
        node("ReduceSum", "squares axis1", "sum", keepdims=0),
        node("Mul", "sum zero", "more"),
    ),
    "rows that are not present make no difference": lambda: broken_input(
        "window_mask", node("Mul", "window_mask zero", "none"), node("Add", "none one", "window_mask_seen")
    ),
    "confirmed anomalies are no evidence of being normal": lambda: broken_input(
        "window_label", node("Mul", "window_label zero", "window_label_seen")
    ),
    "of a category only equality means anything": lambda: broken_input(
        "category", node("Mul", "category zero", "category_seen")
    ),
    "of a direction only that side is strange": lambda: broken_input(
        "direction", node("Mul", "direction zero", "direction_seen")
    ),
    "rows are exchangeable": lambda: added(
        node("CumSum", "window_label axis1_scalar", "running"),
        node("ReduceMean", "running axis1", "mean", keepdims=0),
        node("Mul", "mean tenth", "more"),
    ),
    "features are exchangeable": lambda: added(
        node("CumSum", "category axis0_scalar", "running"),
        node("ReduceMean", "running axis0", "mean", keepdims=1),
        node("Mul", "mean tenth", "more"),
    ),
    "scaling and shifting a number changes nothing": lambda: added(
        node("Gather", "query axis0_scalar", "first", axis=1),
        node("Tanh", "first", "squashed"),
        node("IsNaN", "squashed", "nan"),
        node("Where", "nan zero squashed", "known"),
        node("Mul", "known tenth", "more"),
    ),
    "farther is never less strange, however far": lambda: broken_output(
        "score", node("Sub", "one score_was", "score")
    ),
    "batch composition changes nothing": lambda: added(
        node("ReduceMax", "score_was axis0", "most", keepdims=1), node("Mul", "most tenth", "more")
    ),
}


@pytest.mark.parametrize("sentence", [one.sentence for one in CHECKS])
def test_a_broken_graph_fails_the_check(sentence: str) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(BROKEN[sentence]().SerializeToString(), options)
    findings = check(lambda inputs: run(session, inputs))
    assert sentence in [finding.sentence for finding in findings if not finding.passed]


def run(session: onnxruntime.InferenceSession, inputs: Inputs) -> Outputs:
    return Outputs(*session.run(list(OUTPUTS), dict(inputs)))
