"""Keep freed memory with the process: a batch's arrays are of the same sizes as those of the batch before.

glibc gives blocks of a few hundred KiB back to the kernel at once and pays a page fault for every 4 KiB when it
gets them again, which was 2.5 of some 15 microseconds an event. Other C libraries have no mallopt and are left alone.
"""

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h


def keep_freed_memory(limit: int = 256 << 20) -> None:
    """Hold up to `limit` bytes of freed memory at the top of the heap, and take blocks up to 32 MiB from the heap."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, limit)
        mallopt(M_TOP_PAD, 16 << 20)
