import numpy as np
import pytest

from stream.errors import ProfileError
from stream.fading import Fading
from stream.profile import built_in, load, parse

GOOD = """\
name: ward
entity: {field: patient.id, noun: patient}
time: {field: at, unit: iso}
features:
  - {name: pulse, kind: number, field: vitals.pulse, unit: bpm}
  - {name: drug, kind: category, field: drug, mask: true}
  - {name: time of day, kind: time_of_day}
  - {name: gap, kind: elapsed, direction: low}
  - {name: drug's use, kind: rate, of: field, field: drug, seconds: 60}
  - {name: load, kind: rate, of: all, seconds: 60, transform: none}
alerts: {p: 0.001}
window: 16
peers: 0
show: [ward, at]
"""


def test_a_profile_derives_its_columns_and_fields() -> None:
    profile = parse(GOOD, "ward.yaml")
    assert profile.columns == 7
    assert profile.column_owner == (0, 1, 2, 2, 3, 4, 5)
    assert profile.category.tolist() == [0, 1, 0, 0, 0, 0, 0]
    assert profile.direction.tolist() == [0, 0, 0, 0, -1, 0, 0]
    assert profile.category.dtype == profile.direction.dtype == np.float32
    assert profile.numbers == ("vitals.pulse",)
    assert profile.categories == ("drug",)
    assert profile.fields == ("patient.id", "at", "vitals.pulse", "drug", "ward")
    assert [feature.transform for feature in profile.features] == [None, None, None, "log1p", "log1p", None]
    assert (profile.alerts.p, profile.alerts.per_day, profile.alerts.suppress) == (0.001, None, 3600.0)


def test_derived_arrays_can_not_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        load("card").category[0] = 1


def test_built_in_profiles_load() -> None:
    assert built_in() == ("card", "zeek-conn")
    assert load("card").columns == 8
    assert load("zeek-conn").entity == "id.orig_h"


def test_a_profile_loads_from_a_path(tmp_path) -> None:
    path = tmp_path / "ward.yaml"
    path.write_text(GOOD)
    assert load(str(path)) == parse(GOOD, "elsewhere")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: ward", "title: ward", "ward.yaml:1: name is missing, expected text"),
        ("name: ward", "name: [ward]", "ward.yaml:1: name is a list, expected text"),
        ("field: patient.id", "field: ''", "ward.yaml:2: entity.field is empty, expected text"),
        (
            "noun:",
            "nuon:",
            "ward.yaml:2: entity.nuon is not a known key, expected one of field, noun (did you",
        ),
        (
            "unit: iso",
            "unit: msec",
            "ward.yaml:3: time.unit is 'msec', expected one of s, ms, us, ns, iso (did",
        ),
        (
            "kind: category",
            "kind: categorie",
            "ward.yaml:6: features[1].kind is 'categorie', expected one of",
        ),
        (", field: vitals.pulse", "", "ward.yaml:5: features[0].field is missing, expected it on a feature"),
        (
            "kind: elapsed",
            "kind: elapsed, field: x",
            "ward.yaml:8: features[3].field is given, expected none on a feature",
        ),
        (
            "mask: true",
            "direction: high",
            "ward.yaml:6: features[1].direction is given, expected none",
        ),
        ("mask: true", "mask: maybe", "ward.yaml:6: features[1].mask is 'maybe', expected true or false"),
        ("unit: bpm", "seconds: 5", "ward.yaml:5: features[0].seconds is given, expected none on a"),
        ("of: all, seconds: 60", "of: all", "ward.yaml:10: features[5].seconds is missing, expected it on a"),
        (
            "of: all, seconds: 60",
            "of: all, seconds: .inf",
            "features[5].seconds is '.inf', expected a number",
        ),
        ("name: gap", "name: pulse", "ward.yaml:8: features[3].name is 'pulse' a second time, expected a"),
        ("{p: 0.001}", "{p: 1.5}", "ward.yaml:11: alerts.p is 1.5, expected more than 0 and at most 1"),
        ("{p: 0.001}", "{p: 0.1, per_day: 5}", "ward.yaml:11: alerts.per_day and p are both given, expected"),
        (
            "{p: 0.001}",
            "{suppress: 5}",
            "ward.yaml:11: alerts.per_day and p are both missing, expected exactly",
        ),
        ("window: 16", "window: 20", "ward.yaml:12: window is 20, expected a multiple of 8 from 8 to 1024"),
        ("window: 16", "window: 16\nwindow: 8", "ward.yaml:13: window is given twice, expected once"),
        (
            "show: [ward, at]",
            "show: {a: b}",
            "ward.yaml:14: show is a mapping, expected a list of field names",
        ),
        ("show: [ward, at]", "show: [ward", "ward.yaml:15: is not YAML: "),
    ],
)
def test_a_mistake_names_file_line_and_what_was_expected(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ProfileError) as caught:
        parse(GOOD.replace(old, new, 1), "ward.yaml")
    assert message in str(caught.value)


def test_all_mistakes_are_reported_at_once_in_order_of_lines() -> None:
    text = GOOD.replace("bpm", "[]").replace("p: 0.001", "p: 3").replace("ward\n", "''\n", 1)
    with pytest.raises(ProfileError) as caught:
        parse(text, "f")
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["1", "5", "11"]


@pytest.mark.parametrize(
    "text", ["", "3", "- a", "\x00", "&a [*a]", "name: !!python/object:os.system x", "a: &b {c: *b}"]
)
def test_texts_that_are_no_profile_are_refused(text: str) -> None:
    with pytest.raises(ProfileError, match=r"^f:1: "):
        parse(text, "f")


def test_too_many_columns_are_refused() -> None:
    rows = "".join(f"  - {{name: f{i}, kind: number, field: f{i}}}\n" for i in range(65))
    with pytest.raises(ProfileError, match="features take 72 columns"):
        parse(GOOD.replace("features:\n", "features:\n" + rows), "f")


def test_an_unknown_name_says_what_there_is(tmp_path) -> None:
    with pytest.raises(ProfileError, match=r"no profile 'cadr'.*card, zeek-conn.*did you mean 'card'"):
        load("cadr")
    with pytest.raises(ProfileError, match="can't be read"):
        load(str(tmp_path))


RISK = "  - {name: risk, kind: verdicts, field: drug, days: 7, of: share, direction: high}\n"
CLEAR = GOOD.replace(", mask: true", "")


def test_a_feature_of_verdicts_looks_at_a_field() -> None:
    profile = parse(CLEAR.replace("alerts:", RISK + "alerts:"), "ward.yaml")
    feature = profile.features[-1]
    assert (feature.seconds, feature.of, feature.direction, feature.transform) == (
        7 * 86_400,
        "share",
        1,
        None,
    )
    assert profile.judged == ("drug",)
    assert profile.categories == ("drug",)
    assert parse(CLEAR.replace("alerts:", RISK.replace("of: share, ", "") + "alerts:"), "f").features[
        -1
    ].of == ("confirmed")
    assert feature.fading == Fading(7 * 86_400)
    asked = parse(
        CLEAR.replace("alerts:", RISK.replace("days: 7", "days: 7, least: 2, lasts: 21") + "alerts:"), "f"
    )
    assert asked.features[-1].fading == Fading(7 * 86_400, 2, 21 * 86_400)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            RISK.replace(", days: 7", ""),
            "ward.yaml:11: features[6].days is missing, expected it on a feature of kind",
        ),
        (RISK.replace("field: drug, ", ""), "ward.yaml:11: features[6].field is missing"),
        (RISK.replace("days: 7", "days: 0"), "ward.yaml:11: features[6].days is 0, expected more than 0"),
        (
            RISK.replace("share", "entity"),
            "ward.yaml:11: features[6].of is 'entity', expected one of confirmed,",
        ),
        (
            RISK.replace("days: 7", "days: 7, seconds: 5"),
            "features[6].seconds is given, expected none on a feature",
        ),
        (
            RISK.replace("of: share", "mask: true"),
            "ward.yaml:11: features[6].field is masked, expected a field that",
        ),
        (
            RISK.replace("days: 7", "days: 7, lasts: 0"),
            "ward.yaml:11: features[6].lasts is 0, expected more than 0 days",
        ),
        (RISK.replace("verdicts", "number"), "ward.yaml:11: features[6].days is given, expected none"),
    ],
)
def test_a_mistake_in_a_feature_of_verdicts(text: str, message: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse(CLEAR.replace("alerts:", text + "alerts:"), "ward.yaml")
    assert message in str(caught.value)


def test_a_field_that_another_feature_masks_has_no_verdicts() -> None:
    with pytest.raises(ProfileError, match=r"ward.yaml:11: features\[6\].field is masked"):
        parse(GOOD.replace("alerts:", RISK + "alerts:"), "ward.yaml")
