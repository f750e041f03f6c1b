"""What the proxy holds and has asked for, per resource type; builds the requests. Pure.

Incremental xDS as Envoy's documentation has it: wildcard by the name "*", other types by name,
`initial_resource_versions` in the first request of a new stream, one answer per nonce.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

PREFIX = "type.googleapis.com/"
CLUSTER = PREFIX + "envoy.config.cluster.v3.Cluster"
ENDPOINTS = PREFIX + "envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER = PREFIX + "envoy.config.listener.v3.Listener"
ROUTES = PREFIX + "envoy.config.route.v3.RouteConfiguration"
SECRET = PREFIX + "envoy.extensions.transport_sockets.tls.v3.Secret"
NAME_TABLE = PREFIX + "istio.networking.nds.v1.NameTable"

WILDCARD_TYPES = (CLUSTER, LISTENER, NAME_TABLE)
NAMED_TYPES = (ENDPOINTS, ROUTES, SECRET)
APPLY_ORDER = (CLUSTER, ENDPOINTS, LISTENER, ROUTES, NAME_TABLE)
"""Make before break: what is referred to comes first. Secrets are not kept on disk."""
OWN_SECRETS = frozenset({"default", "ROOTCA"})
"""Provided by the proxy's own identity, never asked for."""
RESOURCES_MAX = 200_000
ERROR_CHARACTERS_MAX = 2048
INVALID_ARGUMENT = 3
"""google.rpc.Code."""


class Entry(msgspec.Struct, frozen=True):
    name: str
    resource: msgspec.Raw
    version: str = ""


class Response(msgspec.Struct, frozen=True):
    type_url: str
    nonce: str = ""
    system_version_info: str = ""
    resources: tuple[Entry, ...] = ()
    removed_resources: tuple[str, ...] = ()


class Subscriptions:
    def __init__(self, node: Mapping[str, Any]) -> None:
        self._node = node
        self.held: dict[str, dict[str, Entry]] = {url: {} for url in (*WILDCARD_TYPES, *NAMED_TYPES)}
        self.received: set[str] = set()
        """Types of which at least one response was applied."""
        self._asked: dict[str, set[str]] = {url: set() for url in NAMED_TYPES}
        self._node_sent = False

    def open(self, wanted: Mapping[str, Iterable[str]]) -> list[bytes]:
        """The first requests of a new stream."""
        self._node_sent = False
        lines = [self._request(url, subscribe=["*"], initial=True) for url in WILDCARD_TYPES]
        for url in NAMED_TYPES:
            names = self._wanted(wanted, url)
            self._asked[url] = names
            if names:
                lines.append(self._request(url, subscribe=sorted(names), initial=True))
        return lines

    def follow(self, wanted: Mapping[str, Iterable[str]]) -> list[bytes]:
        """Requests for what is newly referred to, and for what no longer is; the latter is forgotten."""
        lines = []
        for url in NAMED_TYPES:
            names = self._wanted(wanted, url)
            asked = self._asked[url]
            if names == asked:
                continue
            for name in asked - names:
                self.held[url].pop(name, None)
            lines.append(self._request(url, subscribe=sorted(names - asked), unsubscribe=sorted(asked - names)))
            self._asked[url] = names
        return lines

    def answer(self, response: Response, refusal: str) -> bytes:
        """ACK, or NACK with the reason (`path: reason`)."""
        body: dict[str, Any] = {"type_url": response.type_url, "response_nonce": response.nonce}
        if refusal:
            body["error_detail"] = {"code": INVALID_ARGUMENT, "message": refusal[:ERROR_CHARACTERS_MAX]}
        return msgspec.json.encode(body)

    def hold(self, type_url: str, entry: Entry) -> None:
        entries = self.held.get(type_url)
        if entries is None or len(entries) >= RESOURCES_MAX:
            return
        # A copy: the raw value is a view that would keep the whole response in memory.
        entries[entry.name] = Entry(entry.name, msgspec.Raw(bytes(entry.resource)), entry.version)

    def forget(self, type_url: str, name: str) -> None:
        self.held.get(type_url, {}).pop(name, None)

    def _wanted(self, wanted: Mapping[str, Iterable[str]], url: str) -> set[str]:
        return set(wanted.get(url, ())) - OWN_SECRETS

    def _request(
        self, url: str, *, subscribe: list[str], unsubscribe: list[str] | None = None, initial: bool = False
    ) -> bytes:
        body: dict[str, Any] = {"type_url": url}
        if not self._node_sent:
            body["node"] = self._node
            self._node_sent = True
        if subscribe:
            body["resource_names_subscribe"] = subscribe
        if unsubscribe:
            body["resource_names_unsubscribe"] = unsubscribe
        if initial and self.held[url]:
            body["initial_resource_versions"] = {name: entry.version for name, entry in self.held[url].items()}
        return msgspec.json.encode(body)
