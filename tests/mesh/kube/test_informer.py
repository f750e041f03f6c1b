"""Informers keep up: list, watch, gaps, and servers that come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from mesh.kube.client import ObjectList, WatchEvent
from mesh.kube.errors import ApiError
from mesh.kube.informer import Informer
from mesh.kube.kinds import POD
from mesh.kube.objects import Object, name_of


def pod(name: str, version: int) -> Object:
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": str(version)}}


class Script:
    """A client whose lists and watches are written down; a watch that is an exception is raised."""

    def __init__(self, lists: list[list[Object] | Exception], watches: list[list[WatchEvent] | Exception]) -> None:
        self.lists, self.watches = lists, watches
        self.resumed: list[str] = []
        self.done = asyncio.Event()

    async def list(self, kind: object, namespace: str, **options: Any) -> ObjectList:
        found = self.lists.pop(0)
        if isinstance(found, Exception):
            raise found
        return ObjectList(found, "10")

    async def watch(self, kind: object, namespace: str, **options: Any) -> AsyncIterator[WatchEvent]:
        self.resumed.append(options["resource_version"])
        if not self.watches:
            self.done.set()
            await asyncio.Event().wait()
        found = self.watches.pop(0)
        if isinstance(found, Exception):
            raise found
        for event in found:
            yield event


async def play(script: Script) -> tuple[list[str], Informer]:
    informer = Informer(script, POD)  # type: ignore[arg-type]
    seen: list[str] = []

    def handler(old: Object | None, new: Object | None) -> None:
        seen.append(f"{name_of(old) if old else '-'}>{name_of(new) if new else '-'}")

    informer.add_handler(handler)
    informer.start()
    await asyncio.wait_for(informer.synced(), 5)
    await asyncio.wait_for(script.done.wait(), 5)
    await informer.stop()
    return seen, informer


async def test_events_in_order() -> None:
    events = [
        WatchEvent("ADDED", pod("b", 11)),
        WatchEvent("MODIFIED", pod("a", 12)),
        WatchEvent("DELETED", pod("b", 13)),
    ]
    script = Script([[pod("a", 1)]], [events])
    seen, informer = await play(script)
    assert seen == ["->a", "->b", "a>a", "b>-"]
    assert script.resumed == ["10", "13"]
    assert list(informer.store) == [("ns", "a")]


async def test_a_gap_is_told_as_a_difference() -> None:
    gone = ApiError(410, "Expired", "too old")
    script = Script([[pod("a", 1), pod("b", 2), pod("c", 3)], [pod("b", 2), pod("c", 9), pod("d", 4)]], [gone])
    seen, _ = await play(script)
    assert seen == ["->a", "->b", "->c", "a>-", "c>c", "->d"]


async def test_a_server_that_comes_back() -> None:
    script = Script([OSError("refused"), [pod("a", 1)]], [OSError("cut"), [WatchEvent("ADDED", pod("b", 11))]])
    seen, _ = await play(script)
    assert seen == ["->a", "->b"]
    assert script.resumed == ["10", "10", "11"]


async def test_late_handlers_see_what_is_there_and_bad_ones_harm_nobody() -> None:
    script = Script([[pod("a", 1)]], [])
    informer = Informer(script, POD)  # type: ignore[arg-type]

    def bad(old: Object | None, new: Object | None) -> None:
        raise RuntimeError("handler")

    informer.add_handler(bad)
    informer.start()
    await asyncio.wait_for(informer.synced(), 5)
    seen: list[str] = []
    informer.add_handler(lambda old, new: seen.append(name_of(new or {})))
    assert seen == ["a"]
    await informer.stop()
