"""One proxy's configuration at one moment.

A resource's version is a digest of its content. So a resource that did not change keeps its version without anybody
keeping count, also across restarts of the control plane, and a proxy that reconnects is sent only what differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from mesh.translate.compile import ProxyResources
from mesh.xds.kinds import FIELDS

VERSION_BYTES = 8


@dataclass(frozen=True, slots=True)
class Resource:
    """`body` is the resource's JSON."""

    name: str
    version: str
    body: msgspec.Raw


Resources = Mapping[str, Resource]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`version` names the state of the Kubernetes API that this was compiled from; `generation` counts compilations of
    this process; `resources` by type URL and name."""

    version: str
    generation: int
    resources: Mapping[str, Resources]

    def of(self, type_url: str) -> Resources:
        return self.resources.get(type_url, {})


class ResourceEncoder:
    """Makes snapshots; encodes a resource that several proxies share once per generation.

    The translator hands out the same dictionary to every proxy that gets the same resource, so identity is the cache
    key. The entry holds the dictionary: its id cannot be given to another one while the entry lives.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[dict[str, Any], Resource]] = {}
        self._fresh: dict[int, tuple[dict[str, Any], Resource]] = {}

    def next_generation(self) -> None:
        """Forget what the generation before the last one used."""
        self._known, self._fresh = self._fresh, {}

    def snapshot(self, compiled: ProxyResources, *, version: str, generation: int) -> Snapshot:
        resources = {
            type_url: {name: self._resource(name, body) for name, body in getattr(compiled, field).items()}
            for type_url, field in FIELDS.items()
        }
        return Snapshot(version, generation, resources)

    def _resource(self, name: str, body: dict[str, Any]) -> Resource:
        entry = self._fresh.get(id(body)) or self._known.get(id(body))
        if entry is None or entry[1].name != name:
            entry = (body, encode_resource(name, body))
        self._fresh[id(body)] = entry
        return entry[1]


def encode_resource(name: str, body: dict[str, Any]) -> Resource:
    encoded = msgspec.json.encode(body, order="deterministic")
    return Resource(name, blake2b(encoded, digest_size=VERSION_BYTES).hexdigest(), msgspec.Raw(encoded))


def digest(resources: Iterable[Resource]) -> str:
    """One version for a set of resources, as state of the world needs it."""
    total = blake2b(digest_size=VERSION_BYTES)
    for resource in sorted(resources, key=lambda resource: resource.name):
        total.update(f"{resource.name}\0{resource.version}\0".encode())
    return total.hexdigest()
