"""Versions follow content; shared resources are encoded once."""

from __future__ import annotations

import msgspec

from mesh.translate.compile import ProxyResources
from mesh.xds.kinds import CLUSTER, LISTENER
from mesh.xds.snapshot import ResourceEncoder, digest, encode_resource


def test_version_depends_on_content_only() -> None:
    one = encode_resource("a", {"name": "a", "x": {"p": 1, "q": [1, 2]}})
    same = encode_resource("a", {"x": {"q": [1, 2], "p": 1}, "name": "a"})
    other = encode_resource("a", {"name": "a", "x": {"p": 2, "q": [1, 2]}})
    assert one.version == same.version != other.version
    assert msgspec.json.decode(one.body) == {"name": "a", "x": {"p": 1, "q": [1, 2]}}


def test_a_shared_resource_is_encoded_once_per_generation() -> None:
    encoder = ResourceEncoder()
    shared = {"name": "a"}
    first = encoder.snapshot(ProxyResources(clusters={"a": shared}), version="1", generation=1)
    second = encoder.snapshot(ProxyResources(clusters={"a": shared}), version="1", generation=1)
    assert first.of(CLUSTER)["a"] is second.of(CLUSTER)["a"]
    encoder.next_generation()
    third = encoder.snapshot(ProxyResources(clusters={"a": shared}), version="2", generation=2)
    assert third.of(CLUSTER)["a"] is first.of(CLUSTER)["a"]


def test_what_is_not_used_any_more_is_forgotten() -> None:
    encoder = ResourceEncoder()
    shared = {"name": "a"}
    first = encoder.snapshot(ProxyResources(clusters={"a": shared}), version="1", generation=1)
    encoder.next_generation()
    encoder.next_generation()
    again = encoder.snapshot(ProxyResources(clusters={"a": shared}), version="3", generation=3)
    assert again.of(CLUSTER)["a"] is not first.of(CLUSTER)["a"]
    assert again.of(CLUSTER)["a"] == first.of(CLUSTER)["a"]


def test_kinds_are_apart() -> None:
    made = ResourceEncoder().snapshot(
        ProxyResources(clusters={"a": {"name": "a"}}, listeners={"l": {"name": "l"}}), version="5", generation=9
    )
    assert (list(made.of(CLUSTER)), list(made.of(LISTENER)), dict(made.of("unknown"))) == (["a"], ["l"], {})
    assert (made.version, made.generation) == ("5", 9)


def test_digest_of_a_set_ignores_order_and_sees_every_member() -> None:
    a, b = encode_resource("a", {"x": 1}), encode_resource("b", {"x": 1})
    assert digest([a, b]) == digest([b, a])
    assert len({digest([a]), digest([b]), digest([a, b]), digest([])}) == 4
