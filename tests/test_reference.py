"""The command that writes a stream's usual values into an artifact, and the detector that goes by them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from card_stream import PROFILE, events, profile
from click.testing import CliRunner, Result
from experience_store import collect, fetched
from hypothesis import given
from hypothesis import strategies as st

from export.cli import cli
from export.contract import USUAL, verify
from export.package import make_keys, read_private_key, write_signed
from export.reference import Sample, make_reference, reference_of_store
from stream.alerts import Source
from stream.artifact import GOLDEN, MODEL, load_artifact, read_folder, read_public_key, shipped
from stream.detector import Detector
from stream.drift_monitor import Shift
from stream.errors import ContractError, InputError
from stream.events import EventBatch, decode
from stream.lineup import Lineup
from stream.profile import Profile, parse
from stream.scorer import Scorer

COUNT = 26_000  # three windows of drawn events, and some


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys, the profile, a file of events, and in `told` the artifact that knows them."""
    folder = tmp_path_factory.mktemp("reference")
    make_keys(folder)
    (folder / "often.yaml").write_text(PROFILE)
    (folder / "events.jsonl").write_bytes(b"\n".join(value for _, value in events(COUNT)))
    result = run(folder, shipped(), folder / "told")
    assert result.exit_code == 0, result.output
    return folder


def run(folder: Path, artifact: Path, out: Path, source: str = "events.jsonl") -> Result:
    return written(folder, artifact, out, "--input", str(folder / source))


def written(folder: Path, artifact: Path, out: Path, *given: str) -> Result:
    words = ["reference", str(artifact), "--profile", str(folder / "often.yaml"), "--out", str(out)]
    return CliRunner().invoke(cli, [*words, "--key", str(folder / "private.pem"), *given])


def scorer(folder: Path, name: str = "told", described: Profile | None = None) -> Scorer:
    described = described or profile()
    trusted = [read_public_key(folder / "public.pem")]
    return Scorer(load_artifact(folder / name, trusted=trusted), described.category, described.direction)


def batch(factor: float = 1.0, count: int = COUNT) -> EventBatch:
    """The events of the file, the amounts times `factor`."""
    found, _ = decode(profile(), None, [value for _, value in events(count)], np.arange(count))
    return replace(found, numbers={path: factor * column for path, column in found.numbers.items()})


def shifts(detector: Detector, found: EventBatch) -> list[Shift]:
    return list(detector.on_batch(found, int(found.offset[-1])).shifts)


def test_a_stream_like_the_file_is_as_usual_from_the_first_event_on(folder: Path) -> None:
    detector = Detector(profile(), scorer(folder), Source("cards", 0))
    assert shifts(detector, batch()) == []
    for monitor in detector.drift.monitors:
        assert (monitor.psi < 0.1).all(), (monitor.names, monitor.psi)


def test_a_stream_that_was_never_as_usual_is_told(folder: Path) -> None:
    detector = Detector(profile(), scorer(folder), Source("cards", 0))
    assert [shift.name for shift in shifts(detector, batch(8.0))] == ["amount"]


def test_a_restored_partition_goes_on_with_the_reference_that_its_state_has(folder: Path) -> None:
    """Also where the model that is now live has none: what counts is the one that the stream was begun with."""
    whole = Detector(profile(), scorer(folder), Source("cards", 0))
    found = batch(8.0)
    first, rest = found.part(0, 9_000), found.part(9_000, COUNT)
    assert shifts(whole, first) == []
    records = whole.changes()
    bare = Scorer(load_artifact(shipped()), profile().category, profile().direction)
    for again in (scorer(folder), bare):
        restored = Detector(profile(), again, Source("cards", 0))
        restored.restore([key for key, _ in records], [value for _, value in records])
        assert [shift.name for shift in shifts(restored, rest)] == ["amount"]


def test_another_live_model_brings_its_reference(folder: Path) -> None:
    bare = Scorer(load_artifact(shipped()), profile().category, profile().direction)
    detector = Detector(profile(), bare, Source("cards", 0))
    detector.use(Lineup(bare))
    found = batch(8.0)
    assert shifts(detector, found.part(0, 5_000)) == []
    detector.use(Lineup(scorer(folder)))
    assert [shift.name for shift in shifts(detector, found.part(5_000, COUNT))] == ["amount"]


def test_the_model_and_what_is_told_of_other_profiles_stay_as_they_are(folder: Path) -> None:
    before, after = load_artifact(shipped()), scorer(folder).artifact
    assert (after.model, after.manifest.name, after.manifest.recipe) == (
        before.model,
        before.manifest.name,
        before.manifest.recipe,
    )
    assert after.digest != before.digest
    (folder / "often.yaml").write_text(PROFILE.replace("name: often", "name: another", 1))
    assert run(folder, folder / "told", folder / "both").exit_code == 0
    (folder / "often.yaml").write_text(PROFILE)
    drift = scorer(folder, "both").artifact.manifest.drift
    assert drift.keys() == {"often", "another"}
    assert drift["often"] == drift["another"] == after.manifest.drift["often"]


def test_a_profile_that_has_changed_since_is_refused(folder: Path) -> None:
    changed = parse(PROFILE.replace("transform: log1p, unit", "unit"), "often.yaml")
    detector = Detector(changed, scorer(folder, described=changed), Source("cards", 0))
    with pytest.raises(
        ContractError, match="expected feature 'amount' to be 'number amount' as the profile has it"
    ):
        detector.on_batch(batch(count=9), 8)


def test_what_a_worker_would_refuse_is_not_published(folder: Path) -> None:
    changed = folder / "changed.yaml"
    changed.write_text(PROFILE.replace("window: 8", "window: 16"))
    words = ["publish", str(folder / "told"), "--profile", str(changed), "--key", str(folder / "public.pem")]
    refused = CliRunner().invoke(cli, [*words, "--kafka", "127.0.0.1:9"])
    assert isinstance(refused.exception, ContractError), refused.output
    said = "expected the score to be 'window 16 peers 16' as the profile has it, found 'window 8 peers 16'"
    assert said in str(refused.exception)


def stored(folder: Path, described: Profile, count: int = COUNT) -> Path:
    """The events of the file in a store, in three commits."""
    values = [value for _, value in events(count)]
    batches = [fetched("events", values[at : at + 9_000], at) for at in range(0, count, 9_000)]
    collect(folder, *batches, profile=described, max_keys=100_000)
    return folder


def test_a_store_says_the_same_as_the_events_that_are_in_it(folder: Path) -> None:
    told = written(folder, shipped(), folder / "kept", "--store", str(stored(folder / "store", profile())))
    assert told.exit_code == 0, told.output
    kept, read = (scorer(folder, name).artifact.manifest.drift["often"] for name in ("kept", "told"))
    assert kept == read


def test_a_store_without_what_is_masked_says_nothing_of_the_scores(folder: Path) -> None:
    masked = parse(PROFILE.replace("field: country", "field: country, mask: true"), "often.yaml")
    model = Scorer(load_artifact(shipped()), masked.category, masked.direction)
    read: list[int] = []
    store = stored(folder / "masked", masked, 6_000)
    reference = reference_of_store(masked, model, store, 100_000, read.append)
    assert reference.score is None
    assert (reference.events, sum(read)) == (6_000, 6_000)
    assert "country" not in reference.features and reference.features["amount"].histogram.counts.any()


def test_verdicts_that_no_row_tells_are_taken_for_none(folder: Path) -> None:
    """As in a file of events, where nobody gives any."""
    risk = parse(
        PROFILE.replace(
            "features:\n", "features:\n  - {name: risk, kind: verdicts, field: terminal, days: 7}\n"
        ),
        "risk.yaml",
    )
    model = Scorer(load_artifact(shipped()), risk.category, risk.direction)
    store = stored(folder / "risk", risk, 6_000)
    found, _ = decode(risk, None, [value for _, value in events(6_000)], np.arange(6_000))
    kept = reference_of_store(risk, model, store, 100_000, lambda _: None)
    assert kept == make_reference(risk, model, [found], 1, 100_000)


def test_a_store_of_another_profile_and_a_doubtful_wish_are_refused(folder: Path) -> None:
    other = parse(PROFILE.replace("name: amount", "name: sum"), "often.yaml")
    store = stored(folder / "other", other, 200)
    refused = written(folder, shipped(), folder / "none", "--store", str(store))
    assert isinstance(refused.exception, InputError)
    assert "experience of another profile than 'often' as it is now (columns sum, " in str(refused.exception)
    source = str(folder / "events.jsonl")
    for words in (
        [],
        ["--input", source, "--store", str(store)],
        ["--store", str(store), "--partitions", "2"],
    ):
        refused = written(folder, shipped(), folder / "none", *words)
        assert refused.exit_code == 2 and "expected either --input" in refused.output
    assert not (folder / "none").exists()


def test_verify_holds_the_reference_against_a_profile(folder: Path) -> None:
    changed = folder / "wider.yaml"
    changed.write_text(PROFILE.replace("window: 8", "window: 16"))
    key = ["--key", str(folder / "public.pem")]
    for words, passes in (
        ([], True),
        (["--profile", str(folder / "often.yaml")], True),
        (["--profile", str(changed)], False),
    ):
        told = CliRunner().invoke(cli, ["verify", str(folder / "told"), *key, *words, "--json"])
        found = orjson.loads(told.stdout)
        assert found["passed"] == passes
        last = found["checks"][-1]
        assert (last["sentence"], last["passed"]) == (USUAL, passes)
        assert passes or "window 16 peers 16' as the profile has it" in last["error"]


@pytest.mark.parametrize("drift", [["often"], {"often": {"events": 5}}])
def test_verify_finds_a_reference_that_is_none(folder: Path, tmp_path: Path, drift: object) -> None:
    files = read_folder(shipped())
    whole = replace(load_artifact(shipped()).manifest, drift=drift)
    content = {name: files[name] for name in (MODEL, GOLDEN)}
    write_signed(tmp_path, whole, content, read_private_key(folder / "private.pem"))
    failed = verify(tmp_path, [read_public_key(folder / "public.pem")])
    assert [finding.sentence for finding in failed if not finding.passed] == [USUAL]


def test_too_few_events_are_refused(folder: Path) -> None:
    (folder / "few.jsonl").write_bytes(b"\n".join(value for _, value in events(50)))
    refused = run(folder, shipped(), folder / "few", "few.jsonl")
    assert isinstance(refused.exception, InputError)
    assert str(refused.exception) == "expected at least 4,096 events for a reference, found 50"
    assert not (folder / "few").exists()


@given(st.integers(1, 40), st.lists(st.integers(0, 90), max_size=12))
def test_a_sample_is_evenly_spread_however_the_rows_come(most: int, sizes: list[int]) -> None:
    sample = Sample(1, most)
    rows = np.arange(sum(sizes), dtype=np.float32)[:, None]
    for part in np.split(rows, np.cumsum(sizes)):
        sample.add(part)
    every = 1
    while len(rows[::every]) > most:
        every *= 2
    np.testing.assert_array_equal(sample.rows, rows[::every])
