"""Peers by header: round trip, no trust without proof, nothing left for applications."""

from __future__ import annotations

import pytest

from sidecar.config.http_filters import IstioHeaders, PeerMetadata, PeerMetadataMethod
from sidecar.exchange.peer_metadata import HEADER, HEADER_ID, MetadataExchange, decode, encode
from sidecar.protocol.message import Headers
from sidecar.telemetry.record import Peer

PEER = Peer(workload="reviews-v1", namespace="default", canonical_name="reviews", version="v1")
METHOD = (PeerMetadataMethod(istio_headers=IstioHeaders()),)


def test_round_trip() -> None:
    assert decode(encode(PEER)) == PEER


@pytest.mark.parametrize("value", [b"", b"%%", b"bm90IGpzb24=", b"W10=", b"x" * 5000])
def test_damage(value: bytes) -> None:
    assert decode(value) is None


def test_take_and_tell() -> None:
    exchange = MetadataExchange(PeerMetadata(downstream_discovery=METHOD), PEER, "sidecar~1~a~b")
    assert exchange.discovers_downstream
    assert not exchange.tells_upstream
    headers = Headers([(b"X-Envoy-Peer-Metadata", b"spoof"), (b"a", b"1")])
    exchange.tell(headers)
    assert headers.get_all(HEADER) == [encode(PEER)]
    assert headers.get(HEADER_ID) == b"sidecar~1~a~b"
    assert exchange.take(headers.copy(), trusted=False) is None
    assert exchange.take(headers, trusted=True) == PEER
    assert list(headers) == [(b"a", b"1")]
    exchange.tell(headers, known=False)
    assert list(headers) == [(b"a", b"1")]
    assert exchange.take(Headers([(HEADER_ID, b"x")]), trusted=True) is None
