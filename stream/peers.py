"""A bounded uniform sample of a partition's recent events, so that an entity's first event has a context.

Which events join is decided by a hash of their offset, and they join between epochs only: neither chance nor the
size of a batch has a part in it. Once the sample is full they wait until they renew half of it, since whatever a
model works out from the peers alone is worked out anew for each sample.
"""

import struct
from functools import lru_cache

import numpy as np

from stream.context import Peers
from stream.errors import StateError
from stream.records import Record

VERSION = 1
FILLING, STEADY = 64, 8  # of 256 offsets, how many are drawn while the sample fills, and afterwards
BLOCK = 256  # offsets
_HEAD = struct.Struct("<BqI")


def drawn(offset: np.ndarray) -> np.ndarray:
    """A stable draw from 0 to 255 for each offset (int64 [B]): splitmix64's finaliser (Steele et al., 2014)."""
    x = offset.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))) & np.uint64(255)


@lru_cache(maxsize=1024)
def _joining(block: int, rate: int) -> frozenset[int]:
    """The offsets drawn at this rate among BLOCK: made at once, since numpy takes as long for one as for all."""
    offset = np.arange(block * BLOCK, (block + 1) * BLOCK)
    return frozenset(offset[drawn(offset) < rate].tolist())


class PeerSample:
    """`size` (P) rows over all keys of the partition; the newest replaces the oldest.

    `peers` changes in `close_epoch` only.
    """

    prefix = b"q"

    def __init__(self, size: int, columns: int) -> None:
        self.size, self.columns = size, columns
        self._rows = np.zeros((size, columns), np.float32)
        self._total = 0  # rows ever joined: the next takes place `total % size`
        self._pending: list[np.ndarray] = []
        self._dirty = self._dirty_pending = False
        self.peers = self._publish()

    def _publish(self) -> Peers:
        """Newest first: the nearest rows mostly come early then, and a model that looks for them has less to swap."""
        number = np.arange(self.size)
        mask = (number < self._total).astype(np.float32)
        newest_first = (self._total - 1 - number) % max(self.size, 1)
        return Peers(self._rows[newest_first], mask, np.zeros(self.size, np.float32))

    def on_batch(self, rows: np.ndarray, offset: np.ndarray) -> None:
        """Draw from feature rows (float32 [B, F]) at their offsets (int64 [B], of one epoch); they wait for its end."""
        if not self.size or not len(offset):
            return
        rate = STEADY if self._total >= self.size else FILLING
        blocks = range(int(offset[0]) // BLOCK, int(offset[-1]) // BLOCK + 1)
        joining = frozenset().union(*(_joining(block, rate) for block in blocks))
        chosen = [place for place, at in enumerate(offset.tolist()) if at in joining]
        if chosen:
            self._pending.extend(rows[chosen])
            self._dirty_pending = True

    def close_epoch(self) -> None:
        """Let the rows that wait join the sample, if it is not full or they are half of it."""
        if not self._pending or (self._total >= self.size and 2 * len(self._pending) < self.size):
            return
        for row in self._pending:
            self._rows[self._total % self.size] = row
            self._total += 1
        self._pending = []
        self._dirty = self._dirty_pending = True
        self.peers = self._publish()

    def changes(self) -> list[Record]:
        """What changed since the last call: the sample, the rows that wait."""
        records: list[Record] = []
        if self._dirty:
            records.append((self.prefix + b"s", self._pack(self._rows)))
        if self._dirty_pending:
            records.append((self.prefix + b"w", self._pack(np.array(self._pending, np.float32))))
        self._dirty = self._dirty_pending = False
        return records

    def _pack(self, rows: np.ndarray) -> bytes:
        return _HEAD.pack(VERSION, self._total, self.columns) + rows.astype("<f4").tobytes()

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Read one record back. Raises StateError when it has another version or number of columns."""
        version, total, columns = _HEAD.unpack_from(value or bytes(_HEAD.size))
        if (version, columns) != (VERSION, self.columns):
            raise StateError(
                f"peer sample in the changelog: expected version {VERSION} with {self.columns} columns, found version "
                f"{version} with {columns}; set a new application_id to start with an empty sample"
            )
        rows = np.frombuffer(value or b"", "<f4", offset=_HEAD.size).reshape(-1, self.columns)
        if key[1:] == b"w":
            self._pending = [row.astype(np.float32) for row in rows]
            return
        if len(rows) != self.size:
            raise StateError(
                f"peer sample in the changelog: expected {self.size} rows, found {len(rows)}; set a new application_id "
                "to start with an empty sample, or bring the profile's `peers` back"
            )
        self._rows, self._total = rows.astype(np.float32), total
        self.peers = self._publish()
