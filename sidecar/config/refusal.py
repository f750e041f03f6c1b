"""A configuration that is not taken: where, and why. What a NACK says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """`path` as Envoy writes it (`virtual_hosts[1].routes[0].match.foo`), "" = the resource itself."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason

    def within(self, outer: str) -> Refusal:
        """The same, seen from the message that holds this one at `outer`."""
        if not self.path:
            return Refusal(outer, self.reason)
        return Refusal(outer + (self.path if self.path.startswith("[") else f".{self.path}"), self.reason)


class Refused(Exception):
    """Carries a Refusal through nested compilation; each level prepends its own step with `at`."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.refusal = Refusal(path, reason)

    def at(self, outer: str) -> Refused:
        self.refusal = self.refusal.within(outer)
        return self
