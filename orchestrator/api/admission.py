"""The admission chain: plug-ins that may change an object before it is stored, then those that may refuse it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mesh.kube.objects import Object
from orchestrator.api.call import Call


class Plugin(Protocol):
    """`operation` is CREATE, UPDATE or DELETE; `obj` is None on DELETE, `old` on CREATE. A refusal is an `ApiError`."""

    async def mutate(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> Object | None:
        """The object to go on with: `obj` itself, changed or not."""
        ...

    async def validate(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> None: ...


class Chain:
    """Plug-ins in order; all of them mutate before any validates."""

    def __init__(self, plugins: Sequence[Plugin] = ()) -> None:
        self.plugins: list[Plugin] = list(plugins)

    async def mutate(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> Object | None:
        for plugin in self.plugins:
            obj = await plugin.mutate(call, operation, obj, old)
        return obj

    async def validate(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> None:
        for plugin in self.plugins:
            await plugin.validate(call, operation, obj, old)
