"""Who the workload on the other side is, told by a pair of headers between two sidecars (Istio's metadata exchange).

The value is ours: base64 of JSON. It is believed only where mTLS proved the peer to be one of the mesh, and it never
reaches an application.
"""

from __future__ import annotations

import base64
import binascii
import json

from sidecar.config.http_filters import PeerMetadata
from sidecar.protocol.message import Field, Headers, field
from sidecar.telemetry.record import Peer

HEADER = b"x-envoy-peer-metadata"
HEADER_ID = b"x-envoy-peer-metadata-id"
VALUE_BYTES_MAX = 4096
PEERS_REMEMBERED_MAX = 256

_FIELDS = ("workload", "namespace", "canonical_name", "canonical_revision", "cluster", "app", "version")


def encode(peer: Peer) -> bytes:
    document = {name: getattr(peer, name) for name in _FIELDS}
    return base64.b64encode(json.dumps(document, separators=(",", ":")).encode())


def decode(value: bytes) -> Peer | None:
    """None = not ours, or damaged."""
    if len(value) > VALUE_BYTES_MAX:
        return None
    try:
        document = json.loads(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(document, dict):
        return None
    return Peer(**{name: text for name in _FIELDS if isinstance(text := document.get(name), str)})


class MetadataExchange:
    """One connection manager's side of it. `inbound`: peers are downstream; else upstream."""

    __slots__ = (
        "_fields",
        "_peers",
        "discovers_downstream",
        "discovers_upstream",
        "tells_downstream",
        "tells_upstream",
    )

    def __init__(self, config: PeerMetadata, own: Peer, node_id: str) -> None:
        self.discovers_downstream = bool(config.downstream_discovery)
        self.discovers_upstream = bool(config.upstream_discovery)
        self.tells_downstream = bool(config.downstream_propagation)
        self.tells_upstream = bool(config.upstream_propagation)
        self._fields: tuple[Field, Field] = (field(HEADER_ID, node_id.encode()), field(HEADER, encode(own)))
        self._peers: dict[bytes, Peer | None] = {}

    def take(self, headers: Headers, *, trusted: bool) -> Peer | None:
        """Remove the pair; believe it if `trusted`."""
        value = headers.get(HEADER)
        if value is None:
            if HEADER_ID in headers:
                headers.remove(HEADER_ID)
            return None
        headers.remove(HEADER)
        headers.remove(HEADER_ID)
        if not trusted:
            return None
        if value not in self._peers:
            if len(self._peers) >= PEERS_REMEMBERED_MAX:
                self._peers.clear()
            self._peers[value] = decode(value)
        return self._peers[value]

    def tell(self, headers: Headers, *, known: bool = True) -> None:
        """`known`: the other side is a sidecar, which takes the pair out again; nobody else is told."""
        headers.remove(HEADER_ID)
        headers.remove(HEADER)
        if not known:
            return
        headers.add(self._fields[0])
        headers.add(self._fields[1])
