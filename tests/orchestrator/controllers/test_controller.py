"""The shell of controllers: shared informers, and failures that only mean "look again"."""

from __future__ import annotations

from typing import Any

from mesh.kube.errors import ApiError
from mesh.kube.kinds import CONFIG_MAP
from mesh.kube.objects import Key, key_of
from orchestrator.controllers.controller import Controller, Informers


class Counting(Controller):
    name = "counting"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self.seen: list[Key] = []
        self.refuse = 2
        informers.of(CONFIG_MAP).add_handler(lambda old, new: self.queue.add(key_of(new or old or {})))

    async def reconcile(self, key: Key) -> None:
        self.seen.append(key)
        if key[1] == "mine" and self.refuse:
            self.refuse -= 1
            raise ApiError(409, "Conflict", "the object has been modified")


async def test_conflicts_are_tried_again(cluster: Any, caplog: Any) -> None:
    controller = Counting(cluster.informers)
    await cluster.run(lambda _: controller)
    await cluster.client.create(CONFIG_MAP, {"metadata": {"name": "mine"}, "data": {}}, "default")

    async def three_times() -> bool:
        return controller.seen.count(("default", "mine")) >= 3

    await cluster.until(three_times, "two conflicts, one success")
    assert not caplog.records


def test_one_informer_for_each_kind() -> None:
    informers = Informers(None)  # type: ignore[arg-type]
    assert informers.of(CONFIG_MAP) is informers.of(CONFIG_MAP)
