"""The models topic: what was published comes back whole, roles change at once, and compaction keeps what is needed."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.artifact import BASELINE, FILES, load_artifact, read_folder, sha256, shipped
from stream.errors import ArtifactError, InputError
from stream.model_log import PART, ModelLog, Published, Roles, describe

Files = Mapping[str, bytes]

contents = st.lists(st.binary(min_size=1, max_size=40), min_size=4, max_size=4).map(
    lambda some: {
        name: one * (PART // 16) if name == FILES[2] else one for name, one in zip(FILES, some, strict=True)
    }
)
steps = st.lists(
    st.tuples(st.sampled_from(["publish", "try_out", "promote", "rollback", "withdraw"]), st.integers(0, 3)),
    max_size=12,
)


def published(files: Files) -> Published:
    parts = {name: -(-len(content) // PART) for name, content in files.items()}
    return Published(sha256(files[FILES[0]]), "m", "1", parts)


def log_of(topic: Mapping[bytes, bytes | None], profile: str = "card") -> ModelLog:
    log = ModelLog(profile)
    for key, value in topic.items():
        log.hear(key, value)
    return log


@given(contents)
def test_a_model_comes_back_as_it_was_in_parts_that_fit_into_messages(files: Files) -> None:
    model, log = published(files), ModelLog("card")
    records = [*log.parts_of(model, files), *log.change(Roles(model))]
    assert all(value is not None and len(value) <= PART and len(key) < 200 for key, value in records)
    found = log_of(dict(records))
    assert found.roles == Roles(model)
    assert found.files(model) == files


@given(steps)
def test_a_compacted_topic_holds_the_models_with_a_role_and_no_others(taken: list[tuple[str, int]]) -> None:
    models = [{name: f"{name} {number}".encode() for name in FILES} for number in range(4)]
    topic: dict[bytes, bytes | None] = {}
    for step, number in taken:
        log, files = log_of(topic), models[number]
        model = published(files)
        try:
            change = getattr(log.roles, step)
            roles = change(model) if step in ("publish", "try_out") else change()
        except InputError:
            continue
        parts = log.parts_of(model, files) if step in ("publish", "try_out") else []
        topic |= dict([*parts, *log.change(roles)])
        assert log_of(topic).roles == roles
    log = log_of(topic)
    for model in log.roles.models.values():
        assert sha256(log.files(model)[FILES[0]]) == model.digest
    digests = {key.split(b"/")[1].decode() for key, value in topic.items() if value and b"/" in key}
    assert digests == log.roles.models.keys()


def test_the_roles() -> None:
    one, two, three = (Published(f"sha256:{n:064}", "m", str(n), {}) for n in range(3))
    roles = Roles().publish(one).publish(two)
    assert roles == Roles(live=two, previous=one)
    assert roles.publish(two) == roles, "again: nothing changes"
    assert roles.rollback() == Roles(live=one, previous=two)
    assert roles.rollback().rollback() == roles
    assert roles.try_out(three).promote() == Roles(live=three, previous=two)
    assert roles.try_out(three).publish(one) == Roles(live=one, shadow=three, previous=two)
    assert roles.try_out(three).withdraw() == roles
    assert Roles().publish(one).rollback() == Roles(live=None, previous=one), "to the workers' own"
    with pytest.raises(InputError, match="there is no shadow to promote"):
        roles.promote()
    with pytest.raises(InputError, match="none to go back to"):
        Roles().rollback()
    with pytest.raises(InputError, match="is live"):
        roles.try_out(two)


def test_other_profiles_are_not_heard() -> None:
    files = {name: name.encode() for name in FILES}
    other = ModelLog("card/eu")
    topic = dict([*other.parts_of(published(files), files), *other.change(Roles(published(files)))])
    log = ModelLog("card")
    assert not any(log.hear(key, value) for key, value in topic.items())
    assert log.roles == Roles()
    assert log_of(topic, "card/eu").files(published(files)) == files


def test_what_is_missing_or_unreadable_is_told() -> None:
    files = {name: name.encode() for name in FILES}
    log = log_of({b"card": b'{"live": 3}'})
    with pytest.raises(ArtifactError, match="record of profile 'card' can't be read"):
        _ = log.roles
    with pytest.raises(ArtifactError, match=r"lacks parts of sha256:.*manifest\.json/0"):
        log.files(published(files))


@given(st.binary(max_size=60), st.none() | st.binary(max_size=60))
def test_arbitrary_records_do_no_harm(key: bytes, value: bytes | None) -> None:
    log = ModelLog("card")
    log.hear(key, value)
    log.hear(b"card", value)
    try:
        assert isinstance(log.roles, Roles)
    except ArtifactError as error:
        assert "can't be read" in str(error)


def test_a_folder_is_described() -> None:
    files = read_folder(shipped(BASELINE))
    model = describe(load_artifact(shipped(BASELINE)), files)
    assert (model.name, model.parts["model.onnx"]) == ("knn", -(-len(files["model.onnx"]) // PART))
