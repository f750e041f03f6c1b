"""What a proxy says about itself and the client in request headers: x-forwarded-*, x-request-id, x-envoy-*.

Envoy's two modes (docs: http_conn_man/headers). In the mesh (`use_remote_address` false) the peer is trusted and its
headers pass. At the edge the client is not: its x-envoy-* are dropped, x-forwarded-for gets its address, its
x-request-id is replaced.
"""

from __future__ import annotations

import random
import uuid

from sidecar.config.http_connection_manager import HttpConnectionManager
from sidecar.net.san import NO_PEER, PeerNames
from sidecar.protocol.message import Field, Headers, RequestHead, field

_EDGE_STRIPPED = tuple(
    f"x-envoy-{name}".encode()
    for name in (
        "decorator-operation", "downstream-service-cluster", "downstream-service-node", "expected-rq-timeout-ms",
        "external-address", "force-trace", "hedge-on-per-try-timeout", "internal", "ip-tags", "max-retries",
        "original-path", "retry-grpc-on", "retry-on", "retriable-header-names", "retriable-status-codes",
        "upstream-alt-stat-name", "upstream-rq-per-try-timeout-ms", "upstream-rq-timeout-alt-response",
        "upstream-rq-timeout-ms", "attempt-count", "peer-metadata", "peer-metadata-id",
    )
)  # fmt: skip

_HTTP, _HTTPS = field(b"x-forwarded-proto", b"http"), field(b"x-forwarded-proto", b"https")

EXPECTED_REMEMBERED_MAX = 256
_expected: dict[float, Field] = {}


class Forwarding:
    """Compiled from one connection manager's configuration."""

    __slots__ = ("_config", "_edge", "_hops", "_makes_ids", "_rng", "_via")

    def __init__(self, config: HttpConnectionManager, rng: random.Random) -> None:
        self._config = config
        self._edge = config.use_remote_address
        self._hops = config.xff_num_trusted_hops
        self._rng = rng
        self._makes_ids = config.generate_request_id
        self._via = config.via.encode()

    def apply(self, head: RequestHead, peer: str, tls: bool, names: PeerNames, local_uri: str) -> bytes:
        """Edit the headers of a request from address `peer`; returns its x-request-id."""
        headers = head.headers
        index = headers.index()
        if self._edge:
            self._untrusted(headers, peer)
            index = headers.index()
        if b"x-forwarded-proto" not in index:
            headers.add(_HTTPS if tls else _HTTP)
        else:
            scheme = index[b"x-forwarded-proto"]
            if scheme in (b"http", b"https"):
                head.scheme = scheme
        if b"x-forwarded-client-cert" in index or tls:
            forward_client_cert(self._config, headers, names, local_uri)
        request_id = index.get(b"x-request-id")
        if request_id is None and self._makes_ids:
            request_id = new_request_id(self._rng)
            headers.append(b"x-request-id", request_id)
        if self._via:
            headers.append(b"via", self._via)
        return request_id or b""

    def _untrusted(self, headers: Headers, peer: str) -> None:
        forwarded = headers.get(b"x-forwarded-for")
        trusted = peer
        if self._hops and forwarded:
            # The N-th address from the right was written by a proxy we trust.
            addresses = [one for one in forwarded.replace(b" ", b"").split(b",") if one]
            if len(addresses) >= self._hops:
                trusted = addresses[-self._hops].decode("latin-1")
        for name in _EDGE_STRIPPED:
            headers.remove(name)
        if not self._config.preserve_external_request_id:
            headers.remove(b"x-request-id")
        if not self._hops:
            headers.remove(b"x-forwarded-proto")
        if not self._config.skip_xff_append:
            value = peer.encode()
            headers.set(b"x-forwarded-for", value if not forwarded else forwarded + b"," + value)
        headers.set(b"x-envoy-external-address", trusted.encode())


def expected_timeout(timeout_s: float) -> Field:
    """x-envoy-expected-rq-timeout-ms; routes have few different timeouts."""
    found = _expected.get(timeout_s)
    if found is None:
        if len(_expected) >= EXPECTED_REMEMBERED_MAX:
            _expected.clear()
        text = b"%d" % (timeout_s * 1000).__round__()
        found = _expected[timeout_s] = field(b"x-envoy-expected-rq-timeout-ms", text)
    return found


_UUID_FREE = ~(0xF << 76 | 0x3 << 62) & (1 << 128) - 1
_UUID_FIXED = 0x4 << 76 | 0x2 << 62
"""Version and variant bits of RFC 9562, 5.4."""


def new_request_id(rng: random.Random) -> bytes:
    """A version 4 UUID. Not a secret: the proxy's own generator will do, at a tenth of the price."""
    text = ((rng.getrandbits(128) & _UUID_FREE) | _UUID_FIXED).to_bytes(16, "big").hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}".encode()


def is_uuid(value: bytes) -> bool:
    try:
        uuid.UUID(value.decode("ascii"))
    except ValueError:
        return False
    return True


def forward_client_cert(config: HttpConnectionManager, headers: Headers, names: PeerNames, local_uri: str) -> None:
    """x-forwarded-client-cert in its five modes; who is not verified has nothing to say about itself."""
    mode = config.forward_client_cert_details
    verified = names is not NO_PEER
    if mode == "ALWAYS_FORWARD_ONLY":
        return
    if mode == "SANITIZE" or not verified:
        headers.remove(b"x-forwarded-client-cert")
        return
    if mode == "FORWARD_ONLY":
        return
    element = client_cert_element(config, names, local_uri)
    before = headers.get(b"x-forwarded-client-cert") if mode == "APPEND_FORWARD" else None
    headers.set(b"x-forwarded-client-cert", element if before is None else before + b"," + element)


def client_cert_element(config: HttpConnectionManager, names: PeerNames, local_uri: str) -> bytes:
    wanted = config.set_current_client_cert_details
    parts = [f"By={local_uri}"] if local_uri else []
    parts.append(f"Hash={names.digest}")
    if wanted.subject:
        quoted = names.subject.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(f'Subject="{quoted}"')
    if wanted.uri:
        parts.extend([f"URI={uri}" for uri in names.uris] or ["URI="])
    if wanted.dns:
        parts.extend(f"DNS={name}" for name in names.dns)
    return ";".join(parts).encode("latin-1", "replace")
