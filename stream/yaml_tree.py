"""Reading a YAML file key by key, so that every mistake in it is reported at once, with its line."""

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

Kind = Literal["text", "a number", "true or false"]
IS_KIND: dict[Kind, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str) and value.strip() != "",
    "a number": lambda value: type(value) in (int, float) and math.isfinite(value),
    "true or false": lambda value: isinstance(value, bool),
}


@dataclass(slots=True)
class Mistakes:
    """What is wrong with one file, in the order of its lines."""

    source: str
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, text: str) -> None:
        """Note a mistake, once."""
        if (line, text) not in self.found:
            self.found.append((line, text))

    def __str__(self) -> str:
        return "\n".join(f"{self.source}:{line}: {text}" for line, text in sorted(self.found))


class Section:
    """One YAML mapping. A read that fails notes the mistake and gives a stand-in, so that reading goes on."""

    def __init__(self, node: yaml.MappingNode, place: str, mistakes: Mistakes) -> None:
        self.line = node.start_mark.line + 1
        self._place = place
        self._mistakes = mistakes
        self._asked: list[str] = []
        self._nodes: dict[str, yaml.Node] = {}
        self._key_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in self._nodes:
                mistakes.add(line, f"{self._name(key)} is given twice, expected once")
            self._nodes[key], self._key_lines[key] = value_node, line

    def _name(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    def has(self, key: str) -> bool:
        return key in self._nodes

    def wrong(self, key: str, seen: str, expected: str) -> None:
        """Note a mistake about `key`, at its line (or at the mapping's, if the key is absent)."""
        line = self._key_lines.get(key, self.line)
        self._mistakes.add(line, f"{self._name(key)} {seen}, expected {expected}")

    def _node(self, key: str, expected: str, required: bool) -> yaml.Node | None:
        self._asked.append(key)
        if key not in self._nodes and required:
            self.wrong(key, "is missing", expected)
        return self._nodes.get(key)

    def _scalar(self, key: str, kind: Kind, required: bool = False) -> Any:
        """The value of a kind; None, and a mistake, if it is something else, or required and absent."""
        node = self._node(key, kind, required)
        if node is None:
            return None
        value = plain(node)
        if IS_KIND[kind](value):
            return value
        self.wrong(key, f"is {shown(node)}", kind)
        return None

    def text(self, key: str) -> str:
        """A required text; empty if absent or wrong."""
        return self._scalar(key, "text", required=True) or ""

    def optional_text(self, key: str) -> str | None:
        """A text; None if absent or wrong."""
        value: str | None = self._scalar(key, "text")
        return value

    def flag(self, key: str) -> bool:
        """True or false; false if absent or wrong."""
        return bool(self._scalar(key, "true or false"))

    def number(self, key: str, expected: str, fits: Callable[[float], bool]) -> float | None:
        """An optional finite number for which `fits` holds; None if absent or wrong."""
        value: float | None = self._scalar(key, "a number")
        if value is None or fits(value):
            return value
        self.wrong(key, f"is {value}", expected)
        return None

    def choice(self, key: str, allowed: Sequence[str]) -> Any:
        """A required one of `allowed`; the first of them if absent or wrong."""
        if not self.has(key):
            self.wrong(key, "is missing", f"one of {', '.join(allowed)}")
        return self.optional_choice(key, allowed) or allowed[0]

    def optional_choice(self, key: str, allowed: Sequence[str]) -> Any:
        """One of `allowed`; None if absent or wrong."""
        value = self._scalar(key, "text")
        if value is None or value in allowed:
            return value
        self.wrong(key, f"is {value!r}", f"one of {', '.join(allowed)}{did_you_mean(value, allowed)}")
        return None

    def section(self, key: str, expected: str) -> "Section | None":
        """A required mapping under `key`; None (and a mistake) if it is absent or something else."""
        node = self._node(key, expected, required=True)
        if isinstance(node, yaml.MappingNode):
            return Section(node, self._name(key), self._mistakes)
        if node is not None:
            self.wrong(key, f"is {shown(node)}", expected)
        return None

    def sections(self, key: str, expected: str) -> "list[Section]":
        """A required, not empty list of mappings under `key`."""
        node = self._node(key, expected, required=True)
        if node is None:
            return []
        items = node.value if isinstance(node, yaml.SequenceNode) else []
        if not items:
            self.wrong(key, f"is {shown(node)}", f"a list; of each item, {expected}")
        found = []
        for index, item in enumerate(items):
            place = f"{self._name(key)}[{index}]"
            if isinstance(item, yaml.MappingNode):
                found.append(Section(item, place, self._mistakes))
            else:
                self._mistakes.add(item.start_mark.line + 1, f"{place} is {shown(item)}, expected {expected}")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """An optional list of texts under `key`."""
        node = self._node(key, "a list of field names", required=False)
        if node is None:
            return ()
        if isinstance(node, yaml.SequenceNode):
            values = tuple(map(plain, node.value))
            if all(map(IS_KIND["text"], values)):
                return values
        self.wrong(key, f"is {shown(node)}", "a list of field names")
        return ()

    def close(self) -> None:
        """Note every key that nothing asked for."""
        for key in self._nodes:
            if key not in self._asked:
                expected = f"one of {', '.join(self._asked)}{did_you_mean(key, self._asked)}"
                self.wrong(key, "is not a known key", expected)


def read(text: str, mistakes: Mistakes) -> Section | None:
    """The top mapping of a YAML text; None, and a mistake noted, if there is none."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        mistakes.add(line, f"is not YAML: {error.problem}, expected a mapping (key: value)")
        return None
    except yaml.YAMLError as error:
        mistakes.add(1, f"is not YAML: {error}, expected UTF-8 text without control characters")
        return None
    if not isinstance(node, yaml.MappingNode):
        mistakes.add(1, f"the file holds {shown(node)}, expected a mapping (key: value)")
        return None
    return Section(node, "", mistakes)


def plain(node: yaml.Node) -> Any:
    """The Python value of a scalar node; None if it is not one, or its tag and text disagree."""
    if not isinstance(node, yaml.ScalarNode):
        return None
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError):
        return None


def shown(node: yaml.Node | None) -> str:
    """How a node is called in a message."""
    match node:
        case yaml.ScalarNode():
            return repr(node.value) if node.value else "empty"
        case yaml.SequenceNode():
            return "a list" if node.value else "an empty list"
        case yaml.MappingNode():
            return "a mapping"
    return "nothing"


def did_you_mean(seen: str, known: Sequence[str]) -> str:
    """A hint at the known word nearest to the one that was seen; empty if none is near."""
    near = difflib.get_close_matches(seen, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
