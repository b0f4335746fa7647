"""Memory as a stream wants it: freed pages stay with the process, and the collector looks at what is new.

glibc gives blocks of a few hundred KiB back to the kernel at once and pays a page fault for every 4 KiB when it
gets them again, which was 2.5 of some 15 microseconds an event. Other C libraries have no mallopt and are left alone.
"""

import ctypes
import gc

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h


def keep_freed_memory(limit: int = 256 << 20) -> None:
    """Hold up to `limit` bytes of freed memory at the top of the heap, and take blocks up to 32 MiB from the heap."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, limit)
        mallopt(M_TOP_PAD, 16 << 20)


def collect_rarely() -> None:
    """Leave out of every collection what was made so far, and collect once in 50,000 new objects, not in 700.

    A run of records is thousands of objects without cycles, which die by themselves.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
