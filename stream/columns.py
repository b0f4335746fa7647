"""One field's values of many events -> one column, or None if any value can't be used.

Every `*_column` goes value by value: a column fails if and only if one of its values alone fails, and a value
gives the same result alone as among others. So the bad rows of a failed column are found by trying each
alone, and after they are dropped the rest converts. `*_fault` then says what is wrong with such a value.
"""

import math
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from types import NoneType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stream.profile import Unit

Values: TypeAlias = Sequence[Any] | NDArray[Any]  # [B]
Fault: TypeAlias = tuple[str, str, str]  # a reject's reason, detail and field

MAX_ENTITY_BYTES = 512
MAX_TIME = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
MAX_NUMBER = float(np.finfo(np.float32).max)
MAX_CODES, MAX_CODED_LENGTH = 100_000, 64  # what is remembered: values a field, characters a value
PER_SECOND: dict[Unit, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
JSON_NAMES = {
    bool: "a boolean",
    dict: "an object",
    float: "a number",
    int: "an integer",
    list: "a list",
    NoneType: "null",
    str: "a string",
}


def entity_column(values: Values) -> list[str] | None:
    """Texts that name the entities: 17 and "17" are the same one."""
    values = as_list(values)
    types = set(map(type, values))
    if types == {str}:
        texts = list(values)
    elif types <= {str, int}:
        texts = list(map(str, values))
    else:
        return None
    if not all(texts):
        return None
    if all(map(str.isascii, texts)):
        return texts if max(map(len, texts), default=0) <= MAX_ENTITY_BYTES else None
    try:
        return texts if max(len(text.encode()) for text in texts) <= MAX_ENTITY_BYTES else None
    except UnicodeEncodeError:
        return None


def entity_fault(value: object, path: str) -> Fault:
    """What is wrong with a value that `entity_column` can't use."""
    if value is None or value == "":
        return "missing-entity", f"the entity {path} is missing, null or empty", path
    if type(value) in (str, int):
        return (
            "wrong-type",
            f"the entity {path} is longer than {MAX_ENTITY_BYTES} bytes or not valid Unicode",
            path,
        )
    return "wrong-type", f"the entity {path} is {json_name(value)}, expected a string or an integer", path


def time_column(values: Values, unit: Unit) -> NDArray[np.float64] | None:
    """Seconds since 1970 UTC, float64 [B]; a column of timestamps carries its own unit."""
    seconds: NDArray[np.float64] | None
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        seconds = values.astype("datetime64[us]").astype(np.int64) / 1e6
    elif unit == "iso":
        seconds = _iso_column(as_list(values))
    else:
        seconds = _float_column(values, {int, float})
        if seconds is not None:
            seconds = seconds / PER_SECOND[unit]
    if seconds is None or np.count_nonzero((seconds >= 0.0) & (seconds < MAX_TIME)) < len(seconds):
        return None
    return seconds


def _iso_column(values: Sequence[Any]) -> NDArray[np.float64] | None:
    if not set(map(type, values)) <= {str}:
        return None
    try:
        return np.array([_iso_seconds(value) for value in values], np.float64)
    except (ValueError, OverflowError):
        return None


def _iso_seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def time_fault(value: object, path: str, unit: Unit) -> Fault:
    """What is wrong with a value that `time_column` can't use."""
    if value is None or (isinstance(value, np.datetime64) and np.isnat(value)):
        return "missing-time", f"the time {path} is missing or null", path
    expected = "ISO 8601 text" if unit == "iso" else f"a number ({unit} since 1970)"
    return (
        "absurd-time",
        f"the time {path} is {json_name(value)}, expected {expected} from 1970 to 2099",
        path,
    )


def number_column(values: Values) -> NDArray[np.float64] | None:
    """float64 [B], NaN where missing; None if one isn't a number or isn't finite as float32."""
    numbers = _float_column(values, {int, float, NoneType})
    if numbers is None or np.count_nonzero(np.abs(numbers) > MAX_NUMBER):
        return None
    return numbers


def number_fault(value: object, path: str) -> Fault:
    """What is wrong with a value that `number_column` can't use."""
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return "wrong-type", f"{path} is a number out of the range of 32-bit floats", path
    return "wrong-type", f"{path} is {json_name(value)}, expected a number", path


def _float_column(values: Values, allowed: set[type]) -> NDArray[np.float64] | None:
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
        return values.astype(np.float64)
    values = as_list(values)
    if not set(map(type, values)) <= allowed:
        return None
    try:
        return np.array(values, np.float64)
    except OverflowError:
        return None


class Codes(dict[Any, float]):
    """Bounded memory of `category_code`. Python finds 1 and 1.0 equal, and so do the codes; no booleans."""

    def __missing__(self, value: str | int | float | None) -> float:
        code = category_code(value)
        if not isinstance(value, str) or len(value) <= MAX_CODED_LENGTH:
            if len(self) >= MAX_CODES:
                self.clear()
            self[value] = code
        return code


BOOLEANS = {True: "true", False: "false"}


def code_column(values: Values, codes: Codes) -> NDArray[np.float32] | None:
    """Codes of category values, float32 [B], NaN where missing; None if one is a list or an object."""
    values = as_list(values)
    types = set(map(type, values))
    if not types <= {str, int, float, bool, NoneType}:
        return None
    if bool in types:
        values = [BOOLEANS[value] if type(value) is bool else value for value in values]
    return np.fromiter(map(codes.__getitem__, values), np.float32, len(values))


def category_code(value: str | int | float | None) -> float:
    """A stable hash of the value's text in 24 bits, which float32 holds exactly; NaN if missing.

    5411, 5411.0 and "5411" have the same text, so a column that was read as floats gives the same codes.
    """
    if value is None or value != value:
        return math.nan
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return float(zlib.crc32(str(value).encode("utf-8", "surrogatepass")) & 0xFFFFFF)


def category_fault(value: object, path: str) -> Fault:
    """What is wrong with a value that `code_column` can't use."""
    return "wrong-type", f"{path} is {json_name(value)}, expected a string, a number or a boolean", path


def json_name(value: object) -> str:
    """What a value is, without its content."""
    if isinstance(value, np.generic):
        value = value.item()
    return JSON_NAMES.get(type(value), f"a {type(value).__name__}")


def as_list(values: Values) -> Sequence[Any]:
    """Plain Python values; timestamps as datetimes."""
    if not isinstance(values, np.ndarray):
        return values
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]")
    plain: list[Any] = values.tolist()
    return plain
