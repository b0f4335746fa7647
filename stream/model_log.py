"""The models topic: which models a profile has, and the files of each in parts that fit into messages.

    key                                     value
    <profile>                               JSON: which model is live, which runs in its shadow, which was live before
    <profile>/<digest>/<file>/<number>      a part of a file; nothing (a tombstone) once no role names the model

One record names all roles, so that they change at once; it is written after the parts that it names. Compaction
keeps the newest record of each key, which is just what a worker needs that reads the topic from its beginning.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import orjson

from stream.artifact import FILES, MANIFEST, Artifact, sha256
from stream.errors import ArtifactError, InputError
from stream.records import Record

PART = 512 << 10  # bytes: with its key it fits into a message of Kafka's usual limit
LARGEST = 128 << 20  # bytes of all files of a model

_PART_KEY = re.compile(r"(?P<profile>.+)/(?P<digest>sha256:[0-9a-f]{64})/(?P<file>[a-z.]+)/(?P<number>\d+)")


@dataclass(frozen=True, slots=True)
class Published:
    """A model on the topic: the digest of its manifest, and how many parts each of its files has."""

    digest: str
    name: str
    version: str
    parts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Roles:
    """Which models a profile has. No live or previous one: the artifact that each worker brings along."""

    live: Published | None = None
    shadow: Published | None = None
    previous: Published | None = None

    def publish(self, model: Published) -> "Roles":
        """`model` becomes live; if it was the shadow, there is none any more."""
        if self.live and model.digest == self.live.digest:
            return replace(self, live=model)
        tried = self.shadow and self.shadow.digest == model.digest
        return Roles(model, None if tried else self.shadow, self.live)

    def try_out(self, model: Published) -> "Roles":
        """`model` becomes the shadow."""
        if self.live and model.digest == self.live.digest:
            raise InputError(f"{model.digest} is live: a shadow beside itself would tell nothing")
        return replace(self, shadow=model)

    def promote(self) -> "Roles":
        """The shadow becomes live. Raises InputError where there is none."""
        if self.shadow is None:
            raise InputError("there is no shadow to promote; `onsight-export publish --shadow` makes one")
        return self.publish(self.shadow)

    def rollback(self) -> "Roles":
        """The previous model becomes live again, and the live one the previous: a second rollback undoes it."""
        if self.previous is None and self.live is None:
            raise InputError("no model was ever published here, so there is none to go back to")
        return Roles(self.previous, self.shadow, self.live)

    def withdraw(self) -> "Roles":
        """No shadow any more."""
        return replace(self, shadow=None)

    @property
    def models(self) -> dict[str, Published]:
        """All that have a role, by digest."""
        return {model.digest: model for model in (self.live, self.shadow, self.previous) if model}


class ModelLog:
    """What the topic says about one profile, record by record."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self._roles: bytes | None = None
        self._parts: dict[tuple[str, str, int], bytes] = {}

    def hear(self, key: bytes | None, value: bytes | None) -> bool:
        """Take one record, those of one key oldest first; whether it was of this profile."""
        text = (key or b"").decode(errors="replace")
        if text == self.profile:
            self._roles = value
            return True
        found = _PART_KEY.fullmatch(text)
        if not found or found["profile"] != self.profile:
            return False
        place = found["digest"], found["file"], int(found["number"])
        if value is None:
            self._parts.pop(place, None)
        else:
            self._parts[place] = value
        return True

    @property
    def roles(self) -> Roles:
        """Raises ArtifactError where the record that names them can't be read."""
        if self._roles is None:
            return Roles()
        try:
            found = orjson.loads(self._roles)
            return Roles(**{role: model and Published(**model) for role, model in found.items()})
        except (orjson.JSONDecodeError, TypeError, AttributeError) as error:
            raise ArtifactError(
                f"the models topic's record of profile {self.profile!r} can't be read ({error}); publish a model anew"
            ) from error

    def files(self, model: Published) -> dict[str, bytes]:
        """The files of a model by name, as they are: nothing is verified. Raises ArtifactError for a missing part."""
        places = [
            (model.digest, file, number) for file in FILES for number in range(model.parts.get(file, 0))
        ]
        missing = [f"{file}/{number}" for _, file, number in places if (_, file, number) not in self._parts]
        if missing:
            raise ArtifactError(
                f"the models topic lacks parts of {model.digest} ({', '.join(missing[:3])}); publish it again"
            )
        if (size := sum(len(self._parts[place]) for place in places)) > LARGEST:
            raise ArtifactError(
                f"{model.digest} has {size:,} bytes on the models topic, at most {LARGEST >> 20} MiB are taken; "
                "publish a smaller model"
            )
        files: dict[str, bytes] = {}
        for place in places:
            files[place[1]] = files.get(place[1], b"") + self._parts[place]
        return files

    def parts_of(self, model: Published, files: Mapping[str, bytes]) -> list[Record]:
        """The records of a model's files."""
        return [
            (self._key(model.digest, file, number), files[file][number * PART : (number + 1) * PART])
            for file, count in model.parts.items()
            for number in range(count)
        ]

    def change(self, roles: Roles) -> list[Record]:
        """The records that give the profile these roles, and take away the parts of models without one."""
        body = orjson.dumps({name: value and asdict(value) for name, value in _by_role(roles).items()})
        gone = [place for place in self._parts if place[0] not in roles.models]
        return [(self.profile.encode(), body), *((self._key(*place), None) for place in gone)]

    def _key(self, digest: str, file: str, number: int) -> bytes:
        return f"{self.profile}/{digest}/{file}/{number}".encode()


def describe(artifact: Artifact, files: Mapping[str, bytes]) -> Published:
    """What the topic says of a verified artifact with these files."""
    assert sha256(files[MANIFEST]) == artifact.digest
    parts = {name: -(-len(content) // PART) for name, content in files.items()}
    return Published(artifact.digest, artifact.manifest.name, artifact.manifest.version, parts)


def _by_role(roles: Roles) -> dict[str, Published | None]:
    return {"live": roles.live, "shadow": roles.shadow, "previous": roles.previous}
