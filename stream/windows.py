"""Each entity's recent rows: one numpy arena per partition.

An entity's window is a ring of R rows; event number n of an entity goes to row n % R. For the changelog a ring is cut
into blocks of 8 rows: an event costs one small record, an entity R/8 of them to recover, and compaction keeps exactly
the newest window. `make bench B=changelog` compares that with single rows and with whole windows.
"""

from collections.abc import Sequence

import numpy as np

from stream.context import Context
from stream.errors import StateError
from stream.records import Record
from stream.slots import Placement, Slots, place

BLOCK = 8
VERSION = 2
LOW = 2**32 - 1  # of an offset, these bits tell apart the rows of a window


class Windows:
    """The last `rows` (R) feature rows of each entity, with labels, bounded to `max_keys` entities.

    Arrays, by slot: row float32 [S, R, F], label int8 [S, R], place_of uint32 [S, R] the low bits of the row's source
    offset, count int64 [S] events ever seen, time float64 [S] the time of the last event (NaN before the first).
    """

    prefix = b"w"

    def __init__(self, rows: int, columns: int, max_keys: int, epoch: int, block: int = BLOCK) -> None:
        if rows % block:
            raise ValueError(f"window rows must be a multiple of {block}, got {rows}")
        self.rows, self.columns, self.block = rows, columns, block
        self.slots = Slots(max_keys, epoch)
        capacity = self.slots.capacity
        self.row = np.zeros((capacity, rows, columns), np.float32)
        self.label = np.zeros((capacity, rows), np.int8)
        self.place_of = np.zeros((capacity, rows), np.uint32)
        self.count = np.zeros(capacity, np.int64)
        self.time = np.full(capacity, np.nan)
        self._labelled = False  # no label anywhere, as long as nobody gives a verdict
        self._dirty = np.zeros((capacity, max(rows // block, 1)), bool)
        self._touched: list[np.ndarray] = []  # slots with dirty blocks: a flush must not search all of them
        self._tombstones: dict[bytes, None] = {}
        self._roll = (np.arange(max(rows, 1))[:, None] + np.arange(rows)) % max(rows, 1)
        self._present = (np.arange(rows) >= rows - np.arange(rows + 1)[:, None]).astype(np.float32)
        self._record = np.dtype(
            [
                ("version", "u1"),
                ("seen", "<i8"),
                ("count", "<i8"),
                ("time", "<f8"),
                ("label", "i1", (block,)),
                ("place", "<u4", (block,)),
                ("row", "<f4", (block, columns)),
            ]
        )

    def __len__(self) -> int:
        return len(self.slots)

    def place(self, entity: Sequence[str], offset: np.ndarray) -> Placement:
        """Find or make the slots of a batch's entities ([B] texts, int64 [B] offsets)."""
        return place(self.slots.find_all(entity, offset))

    def gather(self, at: Placement, fresh: np.ndarray) -> Context:
        """Each event's own context: the rows before it, those of `fresh` (float32 [B, F]) in the same batch too."""
        count = self.count[at.slot] + at.rank
        window = self._slide(self.row, at, count, fresh)
        if self._labelled:
            label = self._slide(self.label, at, count, np.zeros(len(fresh), np.int8)).astype(np.float32)
        else:
            label = np.zeros((len(fresh), self.rows), np.float32)
        return Context(window, self._present[np.minimum(count, self.rows)], label)

    def _slide(self, store: np.ndarray, at: Placement, count: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        """The last R items of each event's key, oldest first: of `store` [S, R, ...], and of `fresh` [B, ...].

        Where events of one batch have the same key, the ring's oldest items stand where those of `fresh` belong.
        """
        index = self._roll[count % max(self.rows, 1)]
        index += (at.slot * self.rows)[:, None]
        # np.take in this mode is several times faster than indexing.
        items: np.ndarray = np.take(store.reshape(-1, *store.shape[2:]), index, axis=0, mode="clip")
        if at.repeats and self.rows:
            event, back, earlier = at.earlier(self.rows)
            items[event, self.rows - back] = fresh[earlier]
        return items

    def elapsed(self, at: Placement, time: np.ndarray) -> np.ndarray:
        """Seconds since the entity's event before (float64 [B]): NaN for its first, 0 when time runs backwards."""
        previous: np.ndarray = self.time[at.slot]
        if at.repeats:
            event, _, earlier = at.earlier(1)
            previous[event] = time[earlier]
        return np.asarray(np.maximum(time - previous, 0.0))

    def append(self, at: Placement, fresh: np.ndarray, time: np.ndarray, offset: np.ndarray) -> None:
        """Add the batch's rows (float32 [B, F]), times (float64 [B], seconds) and offsets (int64 [B]) to their windows.

        Where an assignment has an index twice, the last value stays: that of the key's last event.
        """
        count = self.count[at.slot] + at.rank
        if self.rows:
            ring = count % self.rows
            self.row[at.slot, ring] = fresh
            self.place_of[at.slot, ring] = offset & LOW
            if self._labelled:
                self.label[at.slot, ring] = 0
            self._dirty[at.slot, ring // self.block] = True
        else:
            self._dirty[at.slot, 0] = True
        self._touched.append(at.slot)
        self.count[at.slot] = count + 1
        self.time[at.slot] = time

    def judge(self, offset: int, label: int, entity: str | None = None) -> np.ndarray | None:
        """Label the row of the event at a source offset; float32 [F], a copy of it, None if it has left its window.

        `entity` None: nobody may know it, and all windows are searched.
        """
        slot = None if entity is None else self.slots.look_up(entity)
        if entity is not None and slot is None:
            return None
        within = slice(None) if slot is None else slice(slot, slot + 1)
        # Rows that were never written have a place, too: 0.
        present = np.arange(self.rows) < self.count[within, None]
        found, ring = np.nonzero((self.place_of[within] == offset & LOW) & present)
        if not len(found):
            return None
        chosen, row = int(found[0]) + (slot or 0), int(ring[0])
        self.label[chosen, row] = label
        self._labelled = True
        self._dirty[chosen, row // self.block] = True
        self._touched.append(np.array([chosen]))
        own: np.ndarray = self.row[chosen, row].copy()
        return own

    def close_epoch(self) -> None:
        """Evict the least recently seen entities above the bound."""
        for slot, key in self.slots.expire():
            written = min(-(-int(self.count[slot]) // self.block), self._dirty.shape[1])
            for block in range(written):
                self._tombstones[self._key(str(key), block)] = None
            self._clear(slot)

    def _clear(self, slot: int) -> None:
        self.row[slot] = 0
        self.label[slot] = 0
        self.place_of[slot] = 0
        self.count[slot] = 0
        self.time[slot] = np.nan
        self._dirty[slot] = False

    def _key(self, entity: str, block: int) -> bytes:
        return self.prefix + entity.encode() + bytes((block,))

    def changes(self) -> list[Record]:
        """The blocks touched since the last call, and tombstones of the evicted."""
        touched = np.unique(np.concatenate([np.empty(0, np.int64), *self._touched]))
        self._touched.clear()
        which, block = np.nonzero(self._dirty[touched])
        slot = touched[which]
        self._dirty[touched] = False
        key = self.slots.key
        keys = [self._key(str(key[s]), b) for s, b in zip(slot.tolist(), block.tolist(), strict=True)]
        tombstones: list[Record] = [(gone, None) for gone in self._tombstones.keys() - set(keys)]
        self._tombstones.clear()
        return sorted(tombstones) + list(zip(keys, self._pack(slot, block), strict=True))

    def _pack(self, slot: np.ndarray, block: np.ndarray) -> list[bytes]:
        packed = np.zeros(len(slot), self._record)
        packed["version"] = VERSION
        packed["seen"] = self.slots.seen[slot]
        packed["count"] = self.count[slot]
        packed["time"] = self.time[slot]
        if self.rows:
            shape = (-1, self.rows // self.block, self.block)
            packed["label"] = self.label.reshape(shape)[slot, block]
            packed["place"] = self.place_of.reshape(shape)[slot, block]
            packed["row"] = self.row.reshape(*shape, self.columns)[slot, block]
        size, data = self._record.itemsize, packed.tobytes()
        return [data[at : at + size] for at in range(0, len(data), size)]

    def restore(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> None:
        """Read changelog records back, oldest first; a record older than what is here changes nothing.

        Raises StateError when a block was written by another version or for another number of columns.
        """
        newest = dict(zip(keys, values, strict=True))
        for gone in dict.fromkeys(key[1:-1] for key, value in newest.items() if value is None):
            slot = self.slots.drop(gone.decode())
            if slot is not None:
                self._clear(slot)
        blocks = {key: value for key, value in newest.items() if value is not None}
        size = self._record.itemsize
        for value in blocks.values():
            if len(value) != size or value[0] != VERSION:
                raise StateError(
                    f"window block in the changelog: expected version {VERSION} of {size} bytes ({self.columns} "
                    f"columns), found version {value[0]} of {len(value)} bytes: it was written for another profile or "
                    "release; set a new application_id, or delete the changelog topic to start with empty windows"
                )
        find = self.slots.find
        at = np.array([find(key[1:-1].decode()) for key in blocks], np.int64)
        block = np.array([key[-1] for key in blocks], np.int64)
        self._unpack(np.frombuffer(b"".join(blocks.values()), self._record), at, block)

    def _unpack(self, packed: np.ndarray, slot: np.ndarray, block: np.ndarray) -> None:
        if self.rows:
            shape = (-1, self.rows // self.block, self.block)
            self.label.reshape(shape)[slot, block] = packed["label"]
            self.place_of.reshape(shape)[slot, block] = packed["place"]
            self._labelled |= bool(packed["label"].any())
            self.row.reshape(*shape, self.columns)[slot, block] = packed["row"]
        # By offset, not by count: an entity that was evicted and came back begins to count anew.
        newest = np.argsort(packed["seen"], kind="stable")
        newer = newest[packed["seen"][newest] >= self.slots.seen[slot[newest]]]
        self.count[slot[newer]] = packed["count"][newer]
        self.time[slot[newer]] = packed["time"][newer]
        self.slots.seen[slot[newer]] = packed["seen"][newer]
