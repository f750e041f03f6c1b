"""`exportTo`: which namespaces see a rule or a service."""

from __future__ import annotations

from typing import Any

from mesh.istio.values import items

EVERYWHERE = ("*",)


def export_to(value: Any) -> tuple[str, ...]:
    """The list as written; an absent or empty one means everywhere."""
    return tuple(str(target) for target in items(value)) or EVERYWHERE


def visible(targets: tuple[str, ...], *, owner: str, namespace: str) -> bool:
    """A rule of namespace `owner` exported to `targets` is seen by the proxies of `namespace`."""
    return any(target in ("*", namespace) or (target == "." and namespace == owner) for target in targets)
