"""Leaf values of Istio's objects as protobuf's JSON mapping writes them: durations, integers, string matches.

They accept what proto3 JSON accepts (a 64-bit number may be a string) and give None for what they cannot read:
the caller decides whether that is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)")


def duration_s(value: Any) -> float | None:
    """`1h30m`, `0.5s`, `10ms`, or a Duration written as {seconds, nanos} -> seconds."""
    if isinstance(value, Mapping):
        return float(value.get("seconds") or 0) + float(value.get("nanos") or 0) / 1e9
    if not isinstance(value, str) or not value:
        return None
    sign, text = (-1.0, value[1:]) if value.startswith("-") else (1.0, value)
    position, total = 0, 0.0
    for part in _DURATION.finditer(text):
        if part.start() != position:
            return None
        total += float(part.group(1)) * _UNIT_SECONDS[part.group(2)]
        position = part.end()
    return sign * total if position == len(text) and position else None


def duration_text(seconds: float) -> str:
    """Seconds -> a Duration in proto3 JSON, `0.5s`; nanosecond precision."""
    text = f"{seconds:.9f}".rstrip("0").rstrip(".")
    return f"{text}s"


def integer(value: Any, default: int = 0) -> int:
    """A proto3 JSON integer: number, or its decimal digits in a string."""
    if isinstance(value, bool):
        return default
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return int(value)
    return default


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one (absent and null mean the same in proto3 JSON)."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class StringMatch:
    """Istio's StringMatch: `kind` is exact, prefix, regex, or "" for an empty one, which means presence."""

    kind: str
    value: str = ""

    @classmethod
    def read(cls, value: Any) -> StringMatch:
        for kind in ("exact", "prefix", "regex"):
            if kind in mapping(value):
                return cls(kind, text(mapping(value)[kind]))
        return cls("")

    @property
    def presence(self) -> bool:
        """`regex: "*"` is no valid expression; Istio reads it as "any value"."""
        return self.kind == "" or (self.kind == "regex" and self.value == "*")
