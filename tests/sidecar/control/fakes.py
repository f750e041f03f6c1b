"""A recording stand-in for the engine, where a test is about who steers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sidecar.config.refusal import Refusal


class RecordingEngine:
    """Refuses names in `refuse`; refers to the names in `wanted`."""

    def __init__(self) -> None:
        self.applied: dict[str, dict[str, Any]] = {}
        self.order: list[tuple[str, str]] = []
        self.refuse: dict[str, Refusal] = {}
        self.wanted: dict[str, set[str]] = {}

    def apply(self, type_url: str, name: str, resource: dict[str, Any]) -> Refusal | None:
        if name in self.refuse:
            return self.refuse[name]
        self.applied.setdefault(type_url, {})[name] = resource
        self.order.append((type_url, name))
        return None

    def remove(self, type_url: str, name: str) -> None:
        self.applied.get(type_url, {}).pop(name, None)

    def subscriptions(self) -> Mapping[str, set[str]]:
        return self.wanted
