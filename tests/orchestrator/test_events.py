"""Events: counted up when they repeat, bounded, and never a reason to fail."""

from __future__ import annotations

from typing import Any

from mesh.kube.kinds import CONFIG_MAP, EVENT
from mesh.kube.objects import Object
from orchestrator.events import MESSAGE_CHARACTERS_MAX, REMEMBERED_MAX, EventRecorder


async def subject(cluster: Any) -> Object:
    made = await cluster.client.create(CONFIG_MAP, {"metadata": {"name": "thing"}, "data": {}}, "default")
    return {"apiVersion": "v1", "kind": "ConfigMap", **made}


async def test_the_same_event_counts_up(cluster: Any) -> None:
    recorder = EventRecorder(cluster.client, "kubelet", "node")
    thing = await subject(cluster)

    async def counts(reason: str) -> list[int]:
        return [event["count"] for event in await cluster.items(EVENT) if event["reason"] == reason]

    for expected in (1, 2, 3):
        recorder.warning(thing, "BackOff", "restarting", field_path="spec.containers{main}")

        async def has(expected: int = expected) -> bool:
            return await counts("BackOff") == [expected]

        await cluster.until(has, f"count {expected}")
    recorder.normal(thing, "Pulled", "another")

    async def two_kinds() -> bool:
        return await counts("Pulled") == [1]

    await cluster.until(two_kinds, "a second event")
    (event,) = [event for event in await cluster.items(EVENT) if event["reason"] == "BackOff"]
    assert event["involvedObject"]["kind"] == "ConfigMap"
    assert event["involvedObject"]["fieldPath"] == "spec.containers{main}"
    assert (event["type"], event["source"]) == ("Warning", {"component": "kubelet", "host": "node"})


async def test_an_event_that_expired_begins_again(cluster: Any) -> None:
    recorder = EventRecorder(cluster.client, "kubelet", "node")
    thing = await subject(cluster)

    async def events() -> list[Object]:
        return [event for event in await cluster.items(EVENT) if event["reason"] == "Again"]

    recorder.normal(thing, "Again", "text")
    (first,) = await cluster.until(events, "first")
    await cluster.client.delete(EVENT, first["metadata"]["name"], "default")
    recorder.normal(thing, "Again", "text")
    (second,) = await cluster.until(events, "second")
    assert second["metadata"]["name"] != first["metadata"]["name"]
    assert second["count"] == 1


async def test_long_messages_are_cut_and_lost_namespaces_ignored(cluster: Any) -> None:
    recorder = EventRecorder(cluster.client, "kubelet", "node")
    thing = await subject(cluster)
    recorder.normal({**thing, "metadata": {**thing["metadata"], "namespace": "gone"}}, "Lost", "nobody will see this")
    recorder.normal(thing, "Long", "x" * 5000)

    async def events() -> list[Object]:
        return [event for event in await cluster.items(EVENT) if event["reason"] == "Long"]

    (event,) = await cluster.until(events, "recorded")
    assert len(event["message"]) == MESSAGE_CHARACTERS_MAX


def test_memory_is_bounded() -> None:
    recorder = EventRecorder(None, "kubelet", "node")  # type: ignore[arg-type]
    for number in range(REMEMBERED_MAX + 10):
        recorder._remember((str(number), "", "", "", ""), "name", 1)
    assert len(recorder._known) == REMEMBERED_MAX
