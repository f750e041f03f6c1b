"""Server names from headers; the rest of the choice is tested with running clusters (test_cluster)."""

from __future__ import annotations

import pytest

from sidecar.exchange.choice import server_name
from sidecar.protocol.message import Headers, RequestHead


@pytest.mark.parametrize(
    ("authority", "header", "name"),
    [
        (b"a.test", b":authority", "a.test"),
        (b"a.test:8443", b":authority", "a.test"),
        (b"10.0.0.1:80", b":authority", "10.0.0.1"),
        (b"[::1]:80", b":authority", "::1"),
        (b"a.test", b"x-name", "b.test"),
        (b"a.test", b"x-none", ""),
        (b"", b":authority", ""),
    ],
)
def test_server_names(authority: bytes, header: bytes, name: str) -> None:
    head = RequestHead(b"GET", b"/", authority=authority, headers=Headers([(b"x-name", b"b.test:1")]))
    assert server_name(head, header) == name
