"""What an operator may set: environment variables `ONSIGHT_*` and one YAML or TOML file.

The command line wins over the environment, the environment over the file, the file over the defaults.
The file's keys are the field names below; a field's environment variable is `ONSIGHT_` and its name in
capitals. Everything is validated at once.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    DirectoryPath,
    Field,
    FilePath,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from stream.errors import SettingsError

PREFIX = "ONSIGHT_"
FILE_VARIABLE = "ONSIGHT_SETTINGS"
# Read elsewhere: the settings file itself, where downloads are cached, where the tests find real data.
OTHER_VARIABLES = frozenset({FILE_VARIABLE, "ONSIGHT_CACHE", "ONSIGHT_DATA"})
# Kubernetes adds these to every pod when a Service is called "onsight" or "onsight-...".
SERVICE_LINK = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?$")
ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:,/@\[\]]+):(?P<port>\d{1,5})")


def _addresses(text: str) -> str:
    found = [ADDRESS.fullmatch(part.strip()) for part in text.split(",")]
    if not all(one and int(one["port"]) <= 65_535 for one in found):
        raise ValueError("host:port, or several of them separated by commas")
    return text


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Addresses = Annotated[str, AfterValidator(_addresses)]
Topic = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
Level = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]


def setting(default: object, meaning: str, unit: str = "", **bounds: Any) -> Any:
    """A field with its default, what it means, and the unit of its value."""
    extra: dict[str, Any] = {"unit": unit}
    return Field(default, description=meaning, json_schema_extra=extra, validate_default=True, **bounds)


class Settings(BaseSettings):
    """Every setting of a worker and of the commands; read it with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    kafka: Addresses = setting("localhost:9092", "brokers to start from", "host:port,...")
    application_id: Topic = setting("onsight", "consumer group, and prefix of internal topics")
    instance_id: Topic | None = setting(None, "static member of the group: a restart keeps its partitions")
    profile: str = setting("card", "built-in profile, or the path of a YAML file")
    artifact: DirectoryPath | None = setting(None, "model folder; unset: the one in the package")
    trusted_keys: DirectoryPath | None = setting(
        None, "folder of further public keys (*.pem) that may sign models"
    )

    input_topic: Topic = setting("events", "topic that events are read from")
    alerts_topic: Topic = setting("onsight.alerts", "topic that alerts go to")
    dead_letters_topic: Topic = setting("onsight.dead-letters", "topic that unreadable events go to")
    verdicts_topic: Topic = setting("onsight.verdicts", "topic that analysts' verdicts come from")
    models_topic: Topic = setting("onsight.models", "topic that new models come from")
    partitions: int = setting(4, "partitions of the topics that onsight creates", "partitions", ge=1)
    replication: int = setting(1, "replication of the topics that onsight creates", "brokers", ge=1)

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = setting(
        "PLAINTEXT", "how to talk to the brokers"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = setting("PLAIN", "how to log in")
    sasl_username: str | None = setting(None, "user to log in as")
    sasl_password: SecretStr | None = setting(None, "password of that user")
    tls_ca: FilePath | None = setting(None, "PEM file of trusted authorities; unset: the system's")
    tls_cert: FilePath | None = setting(None, "PEM file of the client's certificate")
    tls_key: FilePath | None = setting(None, "PEM file of the client's private key")
    tls_key_password: SecretStr | None = setting(None, "password of the private key")

    route: bool = setting(False, "send events through an internal topic keyed by the entity first")
    max_keys: int = setting(100_000, "entities remembered per partition", "entities", ge=1)
    batch: int = setting(2048, "largest run of events handled at once", "events", ge=1, le=65_536)
    max_record_bytes: int = setting(262_144, "larger records are dead letters", "bytes", ge=64)
    max_depth: int = setting(32, "deeper nested records are dead letters", "levels", ge=1, le=512)
    max_headers: int = setting(64, "records with more headers are dead letters", "headers", ge=0)
    standby_replicas: int = setting(
        0, "workers that hold a warm copy of each partition's state", "workers", ge=0
    )
    session_timeout: float = setting(
        30.0, "silence after which a worker counts as dead", "seconds", ge=1, le=1800
    )
    threads: int = setting(1, "threads of the model", "threads", ge=1, le=256)

    health_host: str = setting("127.0.0.1", "address that /livez, /readyz and /metrics are served on", "host")
    health_port: int = setting(
        0, "port of /livez, /readyz and /metrics; 0: not served", "port", ge=0, le=65_535
    )
    stall_seconds: float = setting(
        60.0, "the worker ends if nothing moves for so long though there is work", "seconds", ge=1
    )
    traces: bool = setting(False, "send OpenTelemetry traces; its OTEL_* variables say where to")

    log_format: Literal["json", "text", "auto"] = setting("auto", "auto: text on a terminal, else json")
    log_level: Level = setting("info", "least severe message that is logged")

    @property
    def source_topic(self) -> str:
        """The topic whose partitions and offsets alerts and verdicts name: the input, or what is routed from it."""
        return f"{self.application_id}-routed" if self.route else self.input_topic

    @field_validator("alerts_topic", "dead_letters_topic", "verdicts_topic", "models_topic")
    @classmethod
    def _apart(cls, topic: str, info: ValidationInfo) -> str:
        for name, other in info.data.items():
            if name.endswith("_topic") and topic == other:
                raise ValueError(f"a topic of its own, but it is {name} too")
        return topic

    @field_validator("sasl_username", "sasl_password")
    @classmethod
    def _with_sasl(cls, value: object, info: ValidationInfo) -> object:
        protocol = info.data.get("security_protocol", "")
        if protocol.startswith("SASL") and value is None:
            raise ValueError(f"a value, since security_protocol is {protocol}")
        if protocol in ("PLAINTEXT", "SSL") and value is not None:
            raise ValueError(f"none, since security_protocol is {protocol}: it would not be used")
        return value

    @field_validator("tls_ca", "tls_cert", "tls_key", "tls_key_password")
    @classmethod
    def _with_tls(cls, value: object, info: ValidationInfo) -> object:
        protocol = info.data.get("security_protocol", "")
        if protocol.endswith("PLAINTEXT") and value is not None:
            raise ValueError(f"none, since security_protocol is {protocol}: it would not be used")
        return value

    @field_validator("tls_key")
    @classmethod
    def _with_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if "tls_cert" in info.data and (key is None) != (info.data["tls_cert"] is None):
            raise ValueError("both tls_cert and tls_key, or neither")
        return key


def variable(name: str) -> str:
    """The environment variable of a field."""
    return PREFIX + name.upper()


def load_settings(file: Path | None = None, **overrides: object) -> Settings:
    """Read and validate all settings.

    `file`: YAML (.yaml, .yml) or TOML (.toml); None: the one `ONSIGHT_SETTINGS` names, if any.
    `overrides`: options of the command line by field name; None means not given.
    Raises SettingsError, which names every wrong or unknown setting at once and shows no secret.
    """
    path = file or (Path(os.environ[FILE_VARIABLE]) if os.environ.get(FILE_VARIABLE) else None)
    from_file = _read(path) if path else {}
    from_environment = EnvSettingsSource(Settings)()
    given = {name: value for name, value in overrides.items() if value is not None}
    origin = dict.fromkeys(from_file, f" in {path}")
    origin |= dict.fromkeys(from_environment, " in the environment")
    origin |= dict.fromkeys(given, " on the command line")
    problems = list(_unknown_variables(os.environ))
    try:
        settings = Settings(**{**from_file, **from_environment, **given})
    except ValidationError as error:
        problems += [_problem(detail, origin) for detail in error.errors(include_url=False)]
    if problems:
        count = f"{len(problems)} settings are" if len(problems) > 1 else "a setting is"
        raise SettingsError(
            f"{count} wrong (`onsight settings --help` explains):\n  " + "\n  ".join(problems)
        )
    return settings


def _read(path: Path) -> dict[str, Any]:
    """Values of a settings file by key. Never quotes the file: it may hold a password."""
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text) or {}
    except OSError as error:
        raise SettingsError(f"settings file {path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"settings file {path} is not UTF-8 text (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"settings file {path} is not TOML: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise SettingsError(f"settings file {path}{line} is not YAML, expected lines `name: value`") from None
    if not isinstance(values, dict):
        raise SettingsError(
            f"settings file {path} holds a {type(values).__name__}, expected `name: value` lines"
        )
    return {str(name): value for name, value in values.items()}


def _unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(environment):
        field = name.lower().removeprefix(PREFIX.lower())
        ours = name.upper().startswith(PREFIX) and name.upper() not in OTHER_VARIABLES
        if ours and field not in Settings.model_fields and not SERVICE_LINK.search(name.upper()):
            nearest = get_close_matches(field, Settings.model_fields, 1)
            yield f"{name} in the environment: not a setting{_hint(map(variable, nearest))}"


def _hint(nearest: Iterable[str]) -> str:
    return "".join(f"; did you mean {name}?" for name in nearest)


def _problem(detail: ErrorDetails, origin: Mapping[str, str]) -> str:
    """One line of a SettingsError: name and place, what was seen, what was expected."""
    name = str(detail["loc"][0])
    where = name + origin.get(name, f" ({variable(name)})")
    if detail["type"] == "extra_forbidden":
        return f"{where}: not a setting{_hint(get_close_matches(name, Settings.model_fields, 1))}"
    expected = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{where}: saw {_seen(name, detail['input'])}, expected {expected}"


def _seen(name: str, value: object) -> str:
    if value is None:
        return "nothing"
    secret = "SecretStr" in str(Settings.model_fields[name].annotation)
    return "*** (hidden)" if secret else repr(value)
