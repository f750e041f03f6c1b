"""What a check finds: messages with the path of the field, collected without unwinding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mesh.istio.values import items


@dataclass(frozen=True, slots=True)
class Message:
    """`path` is the field in the object, e.g. `spec.http[0].route[1].weight`."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Errors refuse the object; warnings are for its author."""

    errors: tuple[Message, ...] = ()
    warnings: tuple[Message, ...] = ()

    @property
    def valid(self) -> bool:
        return not self.errors


@dataclass(slots=True)
class Findings:
    """Collects messages below one path; `at` gives the same collection for a field further down."""

    path: str = ""
    errors: list[Message] = field(default_factory=list)
    warnings: list[Message] = field(default_factory=list)

    def error(self, message: str, below: str = "") -> None:
        self.errors.append(Message(self._join(below), message))

    def warn(self, message: str, below: str = "") -> None:
        self.warnings.append(Message(self._join(below), message))

    def require(self, condition: object, message: str, below: str = "") -> None:
        if not condition:
            self.error(message, below)

    def at(self, below: str) -> Findings:
        return Findings(self._join(below), self.errors, self.warnings)

    def each(self, key: str, value: Any) -> Iterator[tuple[Findings, Any]]:
        """Every entry of a list field with the findings of its own path."""
        for index, entry in enumerate(items(value)):
            yield self.at(f"{key}[{index}]"), entry

    def verdict(self) -> Verdict:
        return Verdict(tuple(self.errors), tuple(self.warnings))

    def _join(self, below: str) -> str:
        if not self.path or not below:
            return self.path or below
        return f"{self.path}{below}" if below.startswith("[") else f"{self.path}.{below}"
