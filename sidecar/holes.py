"""Fills the holes of Python's small-object heap before the first fork.

A child that allocates puts its objects into free slots of pages it shares with the zygote, and each such page becomes a
copy of its own: a few hundred kilobytes of objects cost megabytes. With every free slot taken, children start on fresh
pages. The interpreter itself says how many slots are free (`sys._debugmallocstats`), per size class of 16 bytes.
"""

from __future__ import annotations

import os
import re
import sys

CLASS = re.compile(rb"^\s*\d+\s+(\d+)\s+\d+\s+\d+\s+(\d+)\s*$", re.MULTILINE)
"""class, size, pools, blocks in use, free blocks."""
BYTES_OVERHEAD = sys.getsizeof(b"")
SLOT_BYTES = 16
FILLED_MAX = 400_000
"""Objects; a heap with more free slots than this is left as it is."""

_fillers: list[object] = []


def fill() -> int:
    """How many slots were filled. Never more than `FILLED_MAX`; 0 when the interpreter does not tell."""
    counts = free_slots()
    if sum(counts.values()) > FILLED_MAX:
        return 0
    filled = 0
    for size, count in counts.items():
        _fillers.extend([_object_of(size) for _ in range(count)])
        filled += count
    return filled


def free_slots() -> dict[int, int]:
    """Slot size in bytes -> free slots of it in pages that are partly used."""
    sink = os.memfd_create("malloc-stats")
    kept = os.dup(2)
    try:
        sys.stderr.flush()
        os.dup2(sink, 2)
        sys._debugmallocstats()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    size = os.lseek(sink, 0, os.SEEK_END)
    text = os.pread(sink, size, 0)
    os.close(sink)
    return {int(found[1]): int(found[2]) for found in CLASS.finditer(text)}


def _object_of(size: int) -> object:
    """An object without references to others that takes exactly one slot of `size` bytes."""
    if size == SLOT_BYTES:
        return object()
    if size == 2 * SLOT_BYTES:
        return float(len(_fillers) + 0.5)
    return bytes(size - BYTES_OVERHEAD)
