"""What a changelog holds: a key, whose first byte says whose it is, and a value (None: a tombstone)."""

Record = tuple[bytes, bytes | None]
