"""What goes with the raw bytes of an event that can't be read: why, and where it came from."""

from stream.events import Reject


def dead_letter(reject: Reject, topic: str, partition: int) -> list[tuple[str, bytes]]:
    """Headers of the dead letter; its key and value are the source record's, untouched."""
    texts = {
        "reason": reject.reason,
        "detail": reject.detail,
        "topic": topic,
        "partition": str(partition),
        "offset": str(reject.offset),
    }
    return [(name, text.encode()) for name, text in texts.items()]
