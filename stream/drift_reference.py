"""How a profile's features and a model's scores usually are: what drift is held against from the first event on.

A manifest's section `drift` has one reference a profile, by name (`onsight-export reference` writes it):

    {"card": {"events": 32768, "features": {"amount": COLUMN, ...}, "score": COLUMN or null}}

    COLUMN   {"of": "number amount log1p", "edges": [at most 39 numbers], "counts": [41 counts]}

`of` is what the values are made of; each column's counts sum to `events`. Edges and counts are as in `Bins`, edges at
infinity left out. What the profile masks is in no reference, since a manifest is for everybody to read.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stream.bins import BINS, COARSE, FINE, Histogram
from stream.errors import ContractError
from stream.feature import Feature
from stream.profile import Profile

UNWATCHED = ("time_of_day", "verdicts")  # kinds of features that go round, or grow
LARGEST = float(np.finfo(np.float32).max)

Edge = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=np.iinfo(np.uint16).max)]


class Column(BaseModel):
    """One column's histogram as a manifest writes it; `of`: what its values are made of."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    of: str
    edges: Annotated[list[Edge], Field(max_length=FINE - 1)]
    counts: Annotated[list[Count], Field(min_length=BINS, max_length=BINS)]

    @model_validator(mode="after")
    def _order(self) -> "Column":
        if self.of.startswith("category"):
            if len(self.edges) >= COARSE:
                raise ValueError(f"expected at most {COARSE - 1} codes of a category as edges")
        elif any(a > b for a, b in pairwise(self.edges)):
            raise ValueError("expected edges that rise")
        return self

    @classmethod
    def written(cls, of: str, histogram: Histogram) -> "Column":
        """A histogram as a manifest has it."""
        ends = histogram.edges[np.isfinite(histogram.edges)]
        return cls(of=of, edges=ends.tolist(), counts=histogram.counts.tolist())

    @property
    def histogram(self) -> Histogram:
        """Back from what a manifest has."""
        edges = np.full(FINE - 1, np.inf, np.float32)
        edges[: len(self.edges)] = self.edges
        return Histogram(edges, np.array(self.counts, np.uint16))


class Reference(BaseModel):
    """What was seen of one profile: its features by name, those that are watched and not masked, and the score.

    The score is None where it is not known, as of rows without what the profile masks.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    events: Annotated[int, Field(ge=1)]
    features: dict[str, Column]
    score: Column | None = None

    @model_validator(mode="after")
    def _sums(self) -> "Reference":
        for name, column in [*self.features.items(), ("score", self.score)]:
            if column and sum(column.counts) != self.events:
                raise ValueError(
                    f"expected counts of {name!r} that sum to the {self.events} events, not {sum(column.counts)}"
                )
        return self


def watched(profile: Profile) -> list[int]:
    """The columns [F] that are watched for drift."""
    kinds = [profile.features[owner].kind for owner in profile.column_owner]
    return [column for column, kind in enumerate(kinds) if kind not in UNWATCHED]


def told(profile: Profile) -> list[int]:
    """Of those the columns that a reference tells of."""
    return [column for column in watched(profile) if not profile.features[profile.column_owner[column]].mask]


def written(
    profile: Profile, events: int, features: Sequence[Histogram], score: Histogram | None
) -> Reference:
    """The reference that these histograms make: of the columns that `told` gives, in that order, and of the score."""
    made_of = _made_of(profile)
    columns = zip(made_of.items(), features, strict=True)
    return Reference(
        events=events,
        features={name: Column.written(of, histogram) for (name, of), histogram in columns},
        score=Column.written(_score_of(profile), score) if score else None,
    )


def reference_for(profile: Profile, section: object, source: str) -> Reference | None:
    """What a manifest's section says of a profile, if anything; `source` names the manifest in messages.

    Raises ContractError: it can't be read, or is of other features than the profile has.
    """
    named = _by_profile(section, source)
    if profile.name not in named:
        return None
    reference = _read(named[profile.name], profile.name, source)
    found = {name: column.of for name, column in reference.features.items()}
    expected = _made_of(profile)
    if reference.score:
        found[""], expected[""] = reference.score.of, _score_of(profile)
    for name in sorted(expected | found):
        if found.get(name) != expected.get(name):
            what = f"feature {name!r}" if name else "the score"
            raise ContractError(
                f"{_place(profile.name, source)}: expected {what} to be {expected.get(name)!r} as the profile has it, "
                f"found {found.get(name)!r}; write the reference anew with `onsight-export reference`"
            )
    return reference


def read_references(section: object, source: str) -> dict[str, Reference]:
    """All that a manifest's section says, by the names of profiles. Raises ContractError: it can't be read."""
    return {name: _read(told, name, source) for name, told in _by_profile(section, source).items()}


def _by_profile(section: object, source: str) -> Mapping[str, object]:
    if isinstance(section, Mapping):
        return section
    raise ContractError(
        f"{source}: drift: expected references by the names of profiles, found {section!r:.60}"
    )


def _read(told: object, name: str, source: str) -> Reference:
    try:
        return Reference.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        part = ".".join(map(str, first["loc"])) or "all of it"
        raise ContractError(
            f"{_place(name, source)}: {part}: {first['msg']}, found {first['input']!r:.60}"
        ) from error


def _place(name: str, source: str) -> str:
    return f"{source}: drift of profile {name!r}"


def _made_of(profile: Profile) -> dict[str, str]:
    owners = (profile.features[profile.column_owner[column]] for column in told(profile))
    return {feature.name: _words(feature) for feature in owners}


def _words(feature: Feature) -> str:
    """What a feature's values hang on: `rate field terminal 86400 log1p`."""
    of = feature.of if feature.kind in ("rate", "deviation") else None
    seconds = f"{feature.seconds:g}" if feature.seconds else None
    return " ".join(filter(None, (feature.kind, of, feature.field, seconds, feature.transform)))


def _score_of(profile: Profile) -> str:
    return f"window {profile.window} peers {profile.peers}"
