"""A proposed profile as commented YAML, which `stream.profile.parse` reads back."""

import re
from typing import Any

import yaml

from stream.propose import Line, Proposal

PLAIN = re.compile(r"[A-Za-z][\w.@ -]*[\w]|[A-Za-z]", re.ASCII)  # YAML keeps an @ in front for itself
MAX_LEFT_OUT = 30  # lines


def to_yaml(proposal: Proposal, name: str, source: str) -> str:
    """The profile file; `source` is where the sample came from."""
    lines = [
        f"# Proposed by `onsight init` from {proposal.events:,} events of {_one_line(source)}.",
        "# Read it and change it: `onsight check --profile THIS --input EVENTS` shows what it makes of them.",
        f"name: {_scalar(name)}",
        f"entity: {_commented(proposal.entity)}",
        f"time: {_commented(proposal.time)}",
        "features:",
        *(f"  - {_commented(line)}" for line in proposal.features),
        "alerts: {per_day: 50, suppress: 3600}  # alerts a day in all; repeats within an hour fold into one",
        "window: 64  # events kept for each entity",
        "peers: 128  # events of others that a new entity is compared with",
    ]
    if proposal.show:
        lines.append(
            f"show: [{', '.join(map(_scalar, proposal.show))}]  # copied into alerts, to find the event"
        )
    if proposal.left_out:
        lines.append("# Left out:")
    lines += [f"#   {_one_line(path)}: {why}" for path, why in [*proposal.left_out.items()][:MAX_LEFT_OUT]]
    if len(proposal.left_out) > MAX_LEFT_OUT:
        lines.append(f"#   and {len(proposal.left_out) - MAX_LEFT_OUT} more")
    return "\n".join(lines) + "\n"


def _commented(line: Line) -> str:
    pairs = ", ".join(f"{key}: {_scalar(value)}" for key, value in line.content.items())
    return f"{{{pairs}}}  # {line.why}"


def _scalar(value: Any) -> str:
    """A scalar that reads back as itself: plain where YAML can't take it for something else."""
    if not isinstance(value, str):
        return str(value)
    if PLAIN.fullmatch(value) and isinstance(yaml.safe_load(value), str):
        return value
    text: str = yaml.safe_dump(value, default_style='"', width=10**6)
    return text.strip()


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
