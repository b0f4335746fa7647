"""The meta-model: strangeness of queries against their window and their peers.

In each reference the detectors are mixed with weights that a small network draws from the context's statistics,
plus a small network over the detectors. Every weight after a detector is non-negative, so that farther is never
less strange. The two references are mixed by how many rows they have and by how they compare. Labels change
the mixture's result, and nothing where there are none.

Confirmed anomalies among the peers give these more say in the mixture: what they tell compares events of all windows,
on one scale, where each window's own has another. What a window's few labels tell counts by their share of all labels.
A window counts less where it lacks values that the peers have, such as those that compare an event with its entity.
"""

from dataclasses import dataclass

from export.meta.columns import Columns, columns
from export.meta.detectors import DEVIATION, detect
from export.meta.labels import label_change
from export.meta.ops import Array, Ops
from export.meta.order import in_own_order
from export.meta.prepared import Prepared, prepare
from export.meta.query import query
from export.meta.reference import Reference, reference

PEER_ROWS = 8.0
CONFIRMED_ROWS = 4.0  # more of them for each confirmed anomaly among the peers
NONE = 1e-6


@dataclass(frozen=True, slots=True)
class Inputs:
    """As in the contract, but feature-major.

    window [N, F, R], window_mask and window_label [N, R]; peers [N, F, P] (N may be 1), peers_mask and
    peers_label [N, P]; category [F], direction and used [1, F], or all three [N, F] in training.
    """

    window: Array
    window_mask: Array
    window_label: Array
    peers: Array
    peers_mask: Array
    peers_label: Array
    category: Array
    direction: Array
    used: Array


@dataclass(frozen=True, slots=True)
class Contexts:
    """Everything that does not depend on the queries."""

    columns: Columns
    window: Prepared
    peers: Prepared
    window_weight: Array  # [N, 1], 0 to 1; 0 with no rows in the window
    peers_weight: Array  # [N, 1], the rest, unless there are no peers either
    both: Array  # [N, 1], 1 where both have rows
    lone: Array  # [N, 1], say of the robust deviation in the window's score: above 0 where it knows one column or two
    own_labels: Array  # [N, 1], share of all labels that are the window's; 1 where the peers have none


def contexts(ops: Ops, inputs: Inputs) -> Contexts:
    """Prepare both references and weigh them against each other."""
    features = columns(ops, inputs.category, inputs.direction, inputs.used)
    ordered = in_own_order(ops, inputs.peers, inputs.peers_mask, inputs.peers_label, features)
    shared = reference(ops, *ordered, features, None)
    own = reference(ops, inputs.window, inputs.window_mask, inputs.window_label, features, shared)
    window, peers = prepare(ops, own, features), prepare(ops, shared, features)
    lean = _lean(ops, window, peers, features)
    lacking = ops.relu(own.missing - shared.missing) * features.used * shared.here
    lost = ops.unsqueeze(ops.total(lacking), 1) / features.count * ops.parameter("lacking")
    mine = own.here * own.count * ops.exp(lean - lost)
    confirmed = ops.unsqueeze(ops.sum(ops.relu(shared.label), 1), 1)
    rows = ops.minimum(shared.count, PEER_ROWS) + confirmed * CONFIRMED_ROWS
    theirs = shared.here * rows * ops.exp(0.0 - lean)
    total = mine + theirs + 1e-9
    labels, others = (ops.unsqueeze(ops.sum(ops.abs(each.label), 1), 1) for each in (own, shared))
    return Contexts(
        columns=features,
        window=window,
        peers=peers,
        window_weight=mine / total,
        peers_weight=theirs / total,
        both=own.here * shared.here,
        lone=_lone(ops, own, features),
        own_labels=(labels + NONE) / (labels + others + NONE),
    )


def strangeness(ops: Ops, contexts: Contexts, own: Array, shared: Array) -> Array:
    """[N, Q]: the unbounded score of queries, given as `own` [N, Q, F] to the windows and `shared` to the peers.

    `shared` is the same queries for the peers: [N, Q, F], or [1, N Q, F] for peers that all share.
    """
    mine, mine_labelled = _against(ops, contexts.window, own, contexts.columns, contexts.lone)
    theirs, theirs_labelled = _against(ops, contexts.peers, shared, contexts.columns, None)
    theirs = ops.shaped_like(theirs, mine)
    theirs_labelled = ops.shaped_like(theirs_labelled, mine)
    mixed = mine * contexts.window_weight + theirs * contexts.peers_weight
    pair = ops.concat([ops.unsqueeze(mine, 2), ops.unsqueeze(theirs, 2)], 2)
    hidden = ops.relu(pair @ ops.positive("joint1") + ops.parameter("joint1_bias"))
    agreed = ops.squeeze(hidden @ ops.positive("joint2"), 2) * contexts.both
    return mixed + agreed + (mine_labelled * contexts.own_labels + theirs_labelled)


def bounded(ops: Ops, strange: Array) -> Array:
    """From the whole line into [0, 1], slowly, so that far and farther stay apart."""
    return strange * 0.5 / (ops.abs(strange) + 1.0) + 0.5


def _lone(ops: Ops, own: Reference, columns: Columns) -> Array:
    """[N, 1]: how much of a window's score is how far from its robust centre a value is.

    In windows of one column or two, as of amounts, rows that nobody has noticed hide what is like them from all else.
    """
    known = ops.total(columns.used - own.missing * columns.used)
    return ops.unsqueeze(ops.clip(1.5 - known * 0.5, 0.0, 1.0), 1) * ops.parameter("lone")


def _lean(ops: Ops, window: Prepared, peers: Prepared, columns: Columns) -> Array:
    """[N, 1]: which way to lean, above 0 to the window, from both contexts' statistics and their difference."""
    mine, theirs = window.reference, peers.reference
    shift = ops.log(ops.abs((mine.centre - theirs.centre) * theirs.gain) + 1.0) * columns.number
    ratio = ops.clip(ops.log((mine.root + 1e-12) / (theirs.root + 1e-12)), -4.0, 4.0) * columns.number
    both = mine.here * theirs.here
    hidden = ops.parameter("gate1_bias")
    for name, part in (("gate_shift", shift), ("gate_ratio", ratio)):
        average = ops.unsqueeze(ops.total(part), 1) / columns.count * both
        hidden = average @ ops.parameter(name) + hidden
    for name, prepared in (("gate_window", window), ("gate_peers", peers)):
        hidden = _standard_context(ops, prepared) @ ops.parameter(name) + hidden
    raw = ops.tanh(hidden) @ ops.parameter("gate2") + ops.parameter("gate2_bias")
    return ops.clip(raw, -4.0, 4.0)


def _standard_context(ops: Ops, prepared: Prepared) -> Array:
    """A context's statistics [N, S], standardised by what they were in training."""
    apart = (prepared.context - ops.parameter("context_mean")) / ops.parameter("context_spread")
    return ops.clip(apart, -3.0, 3.0)


def _against(
    ops: Ops, prepared: Prepared, raw: Array, columns: Columns, lone: Array | None
) -> tuple[Array, Array]:
    """Score [N, Q] of queries against one reference, and its change by labels; both 0 without rows."""
    queried = query(ops, raw, prepared.reference, columns)
    detected = detect(ops, prepared, queried, columns)
    plain = ops.squeeze(_mixed(ops, prepared, detected.values), 2)
    if lone is not None:
        deviation = ops.squeeze(ops.part(detected.values, 2, DEVIATION, DEVIATION + 1), 2)
        plain = plain * (1.0 - lone) + deviation * lone * 2.0
    change = label_change(ops, prepared, detected, queried, columns, plain)
    return plain * prepared.reference.here, change * prepared.reference.here


def _mixed(ops: Ops, prepared: Prepared, values: Array) -> Array:
    """The detectors [N, Q, K] in one score [N, Q, 1], never falling in any of them.

    The context's statistics also set its level, so that scores of different contexts compare.
    """
    hidden = _standard_context(ops, prepared) @ ops.parameter("context1") + ops.parameter("context1_bias")
    hidden = ops.tanh(hidden)
    weight = ops.softmax(hidden @ ops.parameter("choose") + ops.parameter("choose_bias")) * 2.0
    bias = hidden @ ops.parameter("mixture_context") + ops.parameter("mixture_bias")
    rest = ops.relu(values @ ops.positive("mixture1") + ops.unsqueeze(bias, 1)) @ ops.positive("mixture2")
    return values @ ops.unsqueeze(weight, 2) + rest + ops.unsqueeze(hidden @ ops.parameter("level"), 1)
