"""The processor's memory allocator, set to keep what training frees."""

from __future__ import annotations

import ctypes
import sys

# Names and numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_KEPT_BYTES = 2**31 - 1
_GROWTH_BYTES = 64 * 2**20


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory for the next step instead of handing it back to the system.

    A step of the full CapsNet frees and takes blocks of up to 150 MB. By default glibc returns each one to the
    system, which clears it page by page before the next step gets it again: a third of the step's time. The
    setting holds for the whole process and cannot be taken back.

    Returns:
        Whether it had an effect: True with glibc (Linux), else False.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, such as musl
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _KEPT_BYTES), (_TOP_PAD, _GROWTH_BYTES))
    return all(mallopt(name, value) == 1 for name, value in settings)
