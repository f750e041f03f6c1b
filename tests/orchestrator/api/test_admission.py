"""The chain: all mutate before any validates."""

from __future__ import annotations

from mesh.kube.kinds import POD
from mesh.kube.objects import Object
from orchestrator.api.admission import Chain
from orchestrator.api.call import INTERNAL, Call


class Named:
    def __init__(self, name: str, seen: list[str]) -> None:
        self.name, self.seen = name, seen

    async def mutate(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> Object | None:
        self.seen.append(f"mutate {self.name}")
        return {**(obj or {}), self.name: True}

    async def validate(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> None:
        self.seen.append(f"validate {self.name}")


async def test_order() -> None:
    seen: list[str] = []
    chain = Chain([Named("a", seen), Named("b", seen)])
    call = Call(INTERNAL, POD)
    assert await chain.mutate(call, "CREATE", {}, None) == {"a": True, "b": True}
    await chain.validate(call, "CREATE", {}, None)
    assert seen == ["mutate a", "mutate b", "validate a", "validate b"]
