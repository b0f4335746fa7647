"""Bytes -> JSON objects within limits, and the values at a path of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson

from stream.columns import Fault, json_name

JOINED_BYTES = 4_194_304  # runs up to this size are searched for brackets in one piece


@dataclass(frozen=True, slots=True)
class Limits:
    """What a record may be; one beyond is a dead letter."""

    max_bytes: int = 262_144
    max_depth: int = 32  # of objects and lists in each other
    max_headers: int = 64
    require_key: bool = True


def load(
    keys: Sequence[bytes | None] | None,
    values: Sequence[bytes | None],
    limits: Limits,
    headers: Sequence[int] = (),
) -> tuple[list[dict[str, Any]], dict[int, Fault]]:
    """The JSON objects of the good records, in order, and the faults of the others by index.

    headers: how many each record has; empty where the source has none
    """
    present = [value for value in values if value is not None]
    keyed = keys is None or not limits.require_key or None not in keys
    headed = max(headers, default=0) > limits.max_headers
    if keyed and not headed and len(present) == len(values) and _harmless(present, limits):
        try:
            records = list(map(orjson.loads, present))
        except orjson.JSONDecodeError:
            records = [None]
        if set(map(type, records)) <= {dict}:
            return records, {}
    records, faults = [], {}
    for index, value in enumerate(values):
        key, count = keys[index] if keys is not None else b"", headers[index] if headers else 0
        loaded = _load_one(key, value, count, limits)
        if isinstance(loaded, dict):
            records.append(loaded)
        else:
            faults[index] = loaded
    return records, faults


def _harmless(values: list[bytes], limits: Limits) -> bool:
    """Whether no record can break a limit, judged by lengths and brackets alone."""
    sizes = list(map(len, values))
    if max(sizes, default=0) > limits.max_bytes:
        return False
    if sum(sizes) <= JOINED_BYTES:
        joined = b"".join(values)
        spare = len(values) - 1  # each of the other records has a bracket of its own, or is no object
        if joined.count(b"{") + joined.count(b"[") - spare <= limits.max_depth:
            return True
    return all(_brackets(value) <= limits.max_depth for value in values)


def _brackets(value: bytes) -> int:
    """How many objects and lists the text opens: at least as many as are nested."""
    return value.count(b"{") + value.count(b"[")


def _load_one(key: bytes | None, value: bytes | None, headers: int, limits: Limits) -> dict[str, Any] | Fault:
    if headers > limits.max_headers:
        return (
            "too-many-headers",
            f"the record has {headers} headers, at most {limits.max_headers} are taken",
            "",
        )
    if value is None:
        return "null-value", "the record has no value", ""
    if key is None and limits.require_key:
        return "null-key", "the record has no key", ""
    if len(value) > limits.max_bytes:
        return "too-large", f"the value has {len(value)} bytes, at most {limits.max_bytes} are taken", ""
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        # orjson gives up on very deep nesting with either of these.
        too_deep = error.msg.startswith(("depth limit", "failed to allocate"))
        return (
            "too-deep" if too_deep else "not-json",
            f"the value isn't JSON that can be read: {error.msg}",
            "",
        )
    if not isinstance(record, dict):
        return "not-an-object", f"the value is {json_name(record)}, expected an object", ""
    if _brackets(value) > limits.max_depth and _deeper_than(limits.max_depth, record):
        return "too-deep", f"objects and lists are nested more than {limits.max_depth} deep", ""
    return record


def _deeper_than(depth: int, record: dict[str, Any]) -> bool:
    level: list[Any] = [record]
    for _ in range(depth):
        inner = (node.values() if isinstance(node, dict) else node for node in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
    return bool(level)


def extract(records: list[dict[str, Any]], paths: Sequence[str]) -> dict[str, list[Any]]:
    """Columns of values at dotted paths, None where missing; a literal dotted key wins over the path."""
    if records and len(paths) > 1:
        try:
            rows = map(itemgetter(*paths), records)
            return dict(zip(paths, map(list, zip(*rows, strict=True)), strict=True))
        except KeyError:
            pass
    return {path: _extract_one(records, path) for path in paths}


def _extract_one(records: list[dict[str, Any]], path: str) -> list[Any]:
    values = [record.get(path) for record in records]
    if "." in path and None in values:
        steps = path.split(".")
        return [record[path] if path in record else _walk(record, steps) for record in records]
    return values


def _walk(record: Any, steps: list[str]) -> Any:
    for step in steps:
        if not isinstance(record, dict):
            return None
        record = record.get(step)
    return record
