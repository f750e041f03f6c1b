"""Headers about the client: mesh and edge, hops, ids, the five modes of x-forwarded-client-cert."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sidecar.config.http_connection_manager import HttpConnectionManager, SetCurrentClientCertDetails
from sidecar.config.http_filters import HttpFilter, Router
from sidecar.config.route import RouteConfiguration
from sidecar.exchange.forwarding import Forwarding, is_uuid, new_request_id
from sidecar.net.tls import NO_PEER, PeerNames
from sidecar.protocol.message import Headers, RequestHead

NAMES = PeerNames(uris=("spiffe://a",), dns=("a.test",), subject='CN=a "b"', digest="ab")


def manager(**fields: Any) -> HttpConnectionManager:
    router = HttpFilter(name="r", typed_config=Router())
    return HttpConnectionManager(stat_prefix="t", route_config=RouteConfiguration(), http_filters=(router,), **fields)


def applied(
    config: HttpConnectionManager, *pairs: tuple[bytes, bytes], names: PeerNames = NO_PEER, tls: bool = False
) -> Headers:
    head = RequestHead(b"GET", b"/", headers=Headers(pairs))
    Forwarding(config, random.Random(1)).apply(head, "192.0.2.9", tls, names, "spiffe://own")
    return head.headers


def test_mesh_passes_what_it_is_told() -> None:
    told = ((b"x-forwarded-for", b"1.1.1.1"), (b"x-request-id", b"mine"), (b"x-envoy-retry-on", b"5xx"))
    headers = applied(manager(), *told, (b"x-forwarded-proto", b"https"))
    assert [headers.get(name) for name, _ in told] == [value for _, value in told]
    assert headers.get(b"x-forwarded-proto") == b"https"


def test_edge_trusts_nobody() -> None:
    headers = applied(
        manager(use_remote_address=True),
        (b"x-forwarded-for", b"1.1.1.1"), (b"x-request-id", b"mine"), (b"x-envoy-retry-on", b"5xx"),
        (b"x-forwarded-proto", b"https"),
    )  # fmt: skip
    assert headers.get(b"x-forwarded-for") == b"1.1.1.1,192.0.2.9"
    assert headers.get(b"x-envoy-external-address") == b"192.0.2.9"
    assert headers.get(b"x-forwarded-proto") == b"http"
    assert b"x-envoy-retry-on" not in headers
    assert is_uuid(headers.get(b"x-request-id") or b"")


@pytest.mark.parametrize(
    ("hops", "forwarded", "external"),
    [(1, b"1.1.1.1, 2.2.2.2", b"2.2.2.2"), (2, b"1.1.1.1, 2.2.2.2", b"1.1.1.1"), (3, b"1.1.1.1", b"192.0.2.9")],
)
def test_trusted_hops(hops: int, forwarded: bytes, external: bytes) -> None:
    config = manager(use_remote_address=True, xff_num_trusted_hops=hops, preserve_external_request_id=True)
    headers = applied(config, (b"x-forwarded-for", forwarded), (b"x-request-id", b"mine"))
    assert headers.get(b"x-envoy-external-address") == external
    assert headers.get(b"x-request-id") == b"mine"


OWN = b"By=spiffe://own;Hash=ab;URI=spiffe://a"


@pytest.mark.parametrize(
    ("mode", "names", "expected"),
    [
        ("SANITIZE", NAMES, None),
        ("FORWARD_ONLY", NAMES, b"old"),
        ("FORWARD_ONLY", NO_PEER, None),
        ("APPEND_FORWARD", NAMES, b"old," + OWN),
        ("APPEND_FORWARD", NO_PEER, None),
        ("SANITIZE_SET", NAMES, OWN),
        ("SANITIZE_SET", NO_PEER, None),
        ("ALWAYS_FORWARD_ONLY", NO_PEER, b"old"),
    ],
)
def test_client_cert_modes(mode: Any, names: PeerNames, expected: bytes | None) -> None:
    config = manager(
        forward_client_cert_details=mode, set_current_client_cert_details=SetCurrentClientCertDetails(uri=True)
    )
    assert (
        applied(config, (b"x-forwarded-client-cert", b"old"), names=names, tls=True).get(b"x-forwarded-client-cert")
        == expected
    )


def test_client_cert_subject_is_quoted() -> None:
    details = SetCurrentClientCertDetails(subject=True, dns=True)
    config = manager(forward_client_cert_details="SANITIZE_SET", set_current_client_cert_details=details)
    found = applied(config, names=NAMES, tls=True).get(b"x-forwarded-client-cert")
    assert found == b'By=spiffe://own;Hash=ab;Subject="CN=a \\"b\\"";DNS=a.test'


def test_request_ids() -> None:
    rng = random.Random(1)
    ids = {new_request_id(rng) for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_uuid(one) and one[14:15] == b"4" and one[19:20] in b"89ab" for one in ids)
    assert not is_uuid(b"mine")
