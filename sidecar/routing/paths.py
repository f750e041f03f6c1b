"""Which routes of a virtual host fit a path, in their order, without trying them one by one.

Exact paths and prefixes are found by dictionary, prefixes once per distinct length; expressions by one `re2.Set`.
What a path fits is remembered, so that a known path costs one look-up whatever the number of routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from sidecar.config.refusal import Refused
from sidecar.config.route_match import RouteMatch
from sidecar.routing.regex import checked, full_match_set

T = TypeVar("T")
MEMO_ENTRIES_MAX = 1024
MEMO_PATH_BYTES_MAX = 256
"""Longer paths are looked up anew: nobody may fill our memory with them."""


class _Texts:
    """Exact paths and prefixes of one kind of case. Values are positions of routes."""

    __slots__ = ("exact", "prefixes")

    def __init__(self) -> None:
        self.exact: dict[bytes, list[int]] = {}
        self.prefixes: dict[int, dict[bytes, list[int]]] = {}

    def add(self, match: RouteMatch, position: int) -> None:
        fold = (lambda text: text) if match.case_sensitive else str.lower
        if match.path is not None:
            self.exact.setdefault(fold(match.path).encode(), []).append(position)
        elif match.path_separated_prefix is not None:
            bare = fold(match.path_separated_prefix).encode()
            self.exact.setdefault(bare, []).append(position)
            self._add_prefix(bare + b"/", position)
        else:
            self._add_prefix(fold(match.prefix or "").encode(), position)

    def _add_prefix(self, prefix: bytes, position: int) -> None:
        self.prefixes.setdefault(len(prefix), {}).setdefault(prefix, []).append(position)

    def find(self, path: bytes, found: list[int]) -> None:
        found += self.exact.get(path, ())
        size = len(path)
        for length, prefixes in self.prefixes.items():
            if length <= size:
                found += prefixes.get(path[:length], ())


class PathIndex(Generic[T]):
    """`candidates(path)`: the routes whose path condition holds, first one first. `path` is without the query."""

    __slots__ = ("_any_case", "_exact_case", "_expression_positions", "_expressions", "_memo", "_routes")

    def __init__(self, routes: Sequence[tuple[RouteMatch, T]]) -> None:
        """Raises `Refused` with the path `[i].match.safe_regex...` for a bad expression."""
        self._routes = [route for _, route in routes]
        self._exact_case, self._any_case = _Texts(), _Texts()
        self._expression_positions: list[int] = []
        patterns: list[bytes] = []
        for position, (match, _) in enumerate(routes):
            if match.safe_regex is not None:
                # Case does not matter to expressions: they say it themselves (Envoy).
                try:
                    patterns.append(checked(match.safe_regex))
                except Refused as refused:
                    raise refused.at(f"[{position}].match.safe_regex") from None
                self._expression_positions.append(position)
            else:
                (self._exact_case if match.case_sensitive else self._any_case).add(match, position)
        self._expressions = full_match_set(patterns) if patterns else None
        self._memo: dict[bytes, tuple[T, ...]] = {}

    def candidates(self, path: bytes) -> tuple[T, ...]:
        found = self._memo.get(path)
        if found is None:
            found = self._search(path)
            if len(path) <= MEMO_PATH_BYTES_MAX:
                if len(self._memo) >= MEMO_ENTRIES_MAX:
                    self._memo.clear()
                self._memo[path] = found
        return found

    def _search(self, path: bytes) -> tuple[T, ...]:
        positions: list[int] = []
        self._exact_case.find(path, positions)
        if self._any_case.exact or self._any_case.prefixes:
            self._any_case.find(path.lower(), positions)
        if self._expressions is not None:
            positions += [self._expression_positions[one] for one in self._expressions(path) or ()]
        return tuple(self._routes[position] for position in sorted(positions))
