"""What an experience's rows hold of an event: the profile's feature columns, and nothing that it masks."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from stream.profile import Profile


@dataclass(frozen=True, slots=True)
class Column:
    """One of the model's input columns; `direction` as in the model's contract."""

    name: str
    category: bool
    direction: int


def columns_of(profile: Profile) -> tuple[Column, ...]:
    """The columns [F] of a profile's rows; a feature of two (the time of day) gives both its name and a number."""
    found = []
    for at, owner in enumerate(profile.column_owner):
        feature, first = profile.features[owner], profile.column_owner.index(owner)
        name = f"{feature.name} {at - first + 1}" if feature.columns > 1 else feature.name
        found.append(Column(name, bool(profile.category[at]), int(profile.direction[at])))
    return tuple(found)


def hidden_columns(profile: Profile) -> np.ndarray:
    """bool [F]: those that are left out.

    Masked features must not leave in clear; those of kind verdicts hang on when a worker heard of which verdict, which
    nothing in the topics tells; those of kind deviation on windows, which are not kept here.
    """
    hidden = [feature.mask or feature.relative for feature in profile.features]
    return np.array([hidden[owner] for owner in profile.column_owner], bool)


def layout_of(profile: Profile) -> str:
    """A digest of all that the rows depend on: rows of two layouts don't belong in one store."""
    features = [(f.name, f.kind, f.field, f.transform, f.seconds, f.of, f.mask) for f in profile.features]
    told = (profile.name, profile.entity, sorted(profile.masked), features)
    return blake2b(repr(told).encode(), digest_size=16).hexdigest()
