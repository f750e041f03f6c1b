"""One proxy: reads its bootstrap, starts the engine and what steers it, drains on SIGTERM."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    return 0
