"""Lets glibc keep memory that was freed, for the next file or picture.

By default it gives buffers of some size back to the system at once. Each of their pages then costs 2.6 µs of a virtual
machine to be faulted in anew: a quarter of the time in which uploads are received, half of that in which they are
decoded.
The allocator reads these variables when a process starts; others than glibc's ignore them.
"""

from __future__ import annotations

from collections.abc import Mapping

_MIB = 1024 * 1024

KEEP_FREED_MEMORY: Mapping[str, str] = {
    "MALLOC_MMAP_THRESHOLD_": str(4 * _MIB),
    "MALLOC_TRIM_THRESHOLD_": str(64 * _MIB),
    # Each arena may keep as much, and threads that wait for the interpreter's lock need no second one.
    "MALLOC_ARENA_MAX": "1",
}
