"""What --replay names: experience stores, each with its share of the tasks."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from export.tasks.contexts import Replayed

SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Mixed:
    """An experience to mix in; `told` is what the manifest says of it."""

    replay: "Replayed"
    told: str


def replays_of(given: tuple[str, ...]) -> list[Mixed]:
    """The stores, each as STORE or STORE=SHARE. Raises a usage error for shares that can't be."""
    named = [_parts(one) for one in given]
    total = sum(share for _, share in named)
    if total > 1:
        raise click.UsageError(f"--replay: the shares sum to {total:g}, expected at most 1")
    return [_mixed(folder, share) for folder, share in named]


def _parts(given: str) -> tuple[Path, float]:
    folder, sign, number = given.rpartition("=")
    if not sign:
        return Path(given), SHARE
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise click.UsageError(f"--replay {given}: expected STORE=SHARE with a share above 0 and at most 1")
    return Path(folder), share


def _mixed(folder: Path, share: float) -> Mixed:
    from export.experience.read import read_experience
    from export.tasks.replay import replay_of

    experience = read_experience(folder)
    found = f"{len(experience):,} events, {int((experience.label == 1).sum()):,} of them confirmed"
    return Mixed(replay_of(experience, share, str(folder)), f"experience, share {share:g}: {found}")
