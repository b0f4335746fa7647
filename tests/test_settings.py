"""Settings: the order of sources, every mistake at once, and no secret in the clear."""

import os
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from stream.cli.settings import command
from stream.errors import SettingsError
from stream.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("ONSIGHT_"):
            monkeypatch.delenv(name)


def problems(file: Path | None = None, **overrides: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(file, **overrides)
    return str(caught.value)


def test_defaults_work_with_a_local_broker() -> None:
    settings = load_settings()
    assert settings.kafka == "localhost:9092"
    assert settings.alerts_topic == "onsight.alerts"


@pytest.mark.parametrize(
    ("suffix", "text"), [("yaml", "batch: 10\nroute: true\n"), ("toml", "batch = 10\nroute = true\n")]
)
def test_command_line_wins_over_environment_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, text: str
) -> None:
    file = tmp_path / f"onsight.{suffix}"
    file.write_text(text)
    monkeypatch.setenv("ONSIGHT_SETTINGS", str(file))
    assert load_settings().batch == 10
    monkeypatch.setenv("ONSIGHT_BATCH", "20")
    assert load_settings().batch == 20
    assert load_settings(batch=30, route=None).batch == 30
    assert load_settings().route


def test_every_mistake_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "onsight.yaml"
    file.write_text("max_keys: many\nalert_topic: a\ntls_ca: /nowhere.pem\n")
    monkeypatch.setenv("ONSIGHT_BATCH", "0")
    monkeypatch.setenv("ONSIGHT_KAFKA", "broker")
    monkeypatch.setenv("ONSIGHT_BATSH", "5")
    text = problems(file, security_protocol="SASL_SSL")
    assert text.startswith("8 settings are wrong")
    assert "batch in the environment: saw '0', expected greater than or equal to 1" in text
    assert "kafka in the environment: saw 'broker', expected host:port" in text
    assert "ONSIGHT_BATSH in the environment: not a setting; did you mean ONSIGHT_BATCH?" in text
    assert f"max_keys in {file}: saw 'many', expected a valid integer" in text
    assert f"alert_topic in {file}: not a setting; did you mean alerts_topic?" in text
    assert "tls_ca" in text
    assert "sasl_username (ONSIGHT_SASL_USERNAME): saw nothing, expected a value" in text
    assert "sasl_password (ONSIGHT_SASL_PASSWORD): saw nothing, expected a value" in text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"sasl_username": "me"}, "would not be used"),
        ({"tls_ca": __file__}, "would not be used"),
        ({"security_protocol": "SSL", "tls_cert": __file__}, "both tls_cert and tls_key, or neither"),
        ({"alerts_topic": "events"}, "it is input_topic too"),
        ({"kafka": "localhost:65536"}, "saw 'localhost:65536', expected host:port"),
        ({"log_level": "loud"}, "'debug', 'info', 'warning' or 'error'"),
        ({"artifact": "/nowhere"}, "directory"),
    ],
)
def test_settings_that_contradict_each_other(values: dict[str, object], expected: str) -> None:
    text = problems(**values)
    assert text.startswith("a setting is wrong")
    assert expected in text


def test_a_secret_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSIGHT_SASL_PASSWORD", "hunter2")
    assert "hunter2" not in problems()
    file = tmp_path / "onsight.yaml"
    file.write_text("tls_key_password: [hunter2]\n")
    assert "hunter2" not in problems(file)
    file.write_text("sasl_password: {hunter2\n")
    assert "hunter2" not in problems(file)
    settings = load_settings(security_protocol="SASL_SSL", sasl_username="me")
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.sasl_password is not None
    assert settings.sasl_password.get_secret_value() == "hunter2"


@pytest.mark.parametrize("text", ["- kafka\n", "a: [", "\x00"])
def test_an_unreadable_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "onsight.yaml"
    file.write_text(text)
    assert str(file) in problems(file)
    assert "nowhere.toml" in problems(tmp_path / "nowhere.toml")


def test_service_links_of_kubernetes_are_not_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ONSIGHT_SERVICE_HOST",
        "ONSIGHT_PORT",
        "ONSIGHT_WEB_PORT_80_TCP_ADDR",
        "ONSIGHT_SERVICE_PORT_HTTP",
    ):
        monkeypatch.setenv(name, "tcp://10.0.0.1:80")
    monkeypatch.setenv("ONSIGHT_TLS_CA", "")
    assert load_settings().tls_ca is None


def test_every_field_says_what_it_means() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        if isinstance(field.default, int | float) and not isinstance(field.default, bool):
            assert isinstance(field.json_schema_extra, dict)
            assert field.json_schema_extra["unit"], name


def test_the_command_shows_all_and_hides_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SASL_USERNAME": "me",
        "SASL_PASSWORD": "hunter2",
    }.items():
        monkeypatch.setenv(f"ONSIGHT_{name}", value)
    result = CliRunner().invoke(command, ["--json"], catch_exceptions=False)
    rows = {row["name"]: row for row in orjson.loads(result.output)}
    assert rows.keys() == Settings.model_fields.keys()
    assert rows["sasl_password"]["value"] == "***"
    assert rows["tls_key_password"]["value"] is None
    assert rows["session_timeout"]["unit"] == "seconds"
    table = CliRunner().invoke(command, env={"COLUMNS": "200"}, catch_exceptions=False).output
    assert "ONSIGHT_KAFKA" in table
    assert "hunter2" not in table + result.output
