"""Columns of a Table and the small words in its cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from mesh.kube.objects import Object

NONE = "<none>"
UNKNOWN = "<unknown>"
MAP_SHOWN_MAX = 1000

Cells = Callable[[Object, float], list[Any]]
"""(object, now in seconds since the epoch) -> one value a column."""


@dataclass(frozen=True, slots=True)
class Column:
    """`priority` 1 is shown with `-o wide` only; `format` "name" marks what the client prefixes with the kind."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0

    def to_api(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.name,
            "priority": self.priority,
        }


NAME = Column("Name", format="name")
AGE = Column("Age")


def wide(name: str) -> Column:
    return Column(name, priority=1)


def parse_time(text: str | None) -> float | None:
    """Seconds since the epoch, None for what is no time."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def since(text: str | None, now: float) -> str:
    moment = parse_time(text)
    return UNKNOWN if moment is None else duration(now - moment)


def age(obj: Object, now: float) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def duration(seconds: float) -> str:
    """As kubectl writes durations: two units while the first is small, then one."""
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    if total < 120:
        return f"{max(total, 0)}s"
    minutes, hours, days = total // 60, total // 3600, total // 86_400
    if minutes < 10:
        return _two(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years = days // 365
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(first: int, unit: str, second: int, small: str) -> str:
    return f"{first}{unit}{second}{small}" if second else f"{first}{unit}"


def pairs(labels: Mapping[str, Any] | None) -> str:
    """`a=b,c=d`, `<none>` when empty."""
    text = ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items()))
    return text[:MAP_SHOWN_MAX] or NONE


def joined(words: Iterable[str]) -> str:
    return ",".join(words) or NONE


def json_path_value(obj: Object, path: str) -> Any:
    """What a custom resource's printer column shows: scalars as they are, lists as JSON, None for nothing."""
    value: Any = obj
    for step in path.strip(".").split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return value
