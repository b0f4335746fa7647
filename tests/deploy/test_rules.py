"""The alert rules, each with a unit test of promtool in rules/ and a runbook. Needs apt-get (Debian)."""

import re

import pytest
import yaml
from tools import CHART, HERE, debian, run

from stream.settings import Settings

RULES = sorted((CHART / "rules").glob("*.yaml"))
each_rule = pytest.mark.parametrize("name", [path.stem for path in RULES])


def promtool(*words: object, **options: object) -> str:
    return run([debian("prometheus", "usr/bin/promtool"), *words], **options)


@each_rule
def test_a_file_holds_one_alert_of_its_own_name(name: str) -> None:
    promtool("check", "rules", CHART / "rules" / f"{name}.yaml")
    (group,) = yaml.safe_load((CHART / "rules" / f"{name}.yaml").read_text())["groups"]
    (rule,) = group["rules"]
    assert group["name"] == rule["alert"] == name
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert set(rule["annotations"]) == {"summary", "description"}


@each_rule
def test_an_alert_fires_when_it_should_and_else_stays_quiet(name: str) -> None:
    cases = yaml.safe_load((HERE / "rules" / f"{name}.yaml").read_text())["tests"]
    expected = [check["exp_alerts"] for case in cases for check in case["alert_rule_test"]]
    assert any(expected) and not all(expected), "one case must fire and another must not"
    promtool("test", "rules", f"{name}.yaml", cwd=HERE / "rules")


@each_rule
def test_every_alert_has_a_runbook(name: str) -> None:
    text = (CHART / "runbooks" / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n\n## What it means\n")
    assert "\n## What to do\n\n1. " in text
    for other in re.findall(r"\]\((\w+)\.md\)", text):
        assert (CHART / "runbooks" / f"{other}.md").exists(), other
    for setting in re.findall(r"`settings\.(\w+)`", text):
        assert setting in Settings.model_fields, setting


def test_there_is_no_runbook_and_no_test_without_its_alert() -> None:
    names = {path.stem for path in RULES}
    assert {path.stem for path in (CHART / "runbooks").iterdir()} == names
    assert {path.stem for path in (HERE / "rules").iterdir()} == names
