"""Addresses as text, and what a socket says of itself."""

from __future__ import annotations

import socket

from sidecar.net.addresses import UNKNOWN, Endpoint, endpoint_of, family_of, local_endpoint, original_destination


def test_text() -> None:
    assert str(Endpoint("10.0.0.1", 80)) == "10.0.0.1:80"
    assert str(Endpoint("::1", 80)) == "[::1]:80"
    assert str(Endpoint("/run/x.sock")) == "/run/x.sock"
    assert str(UNKNOWN) == ""


def test_of_sockets() -> None:
    assert endpoint_of(("fe80::1%eth0", 80, 0, 2)) == Endpoint("fe80::1", 80)
    assert endpoint_of("") == UNKNOWN
    assert endpoint_of(b"/a") == Endpoint("/a")
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert local_endpoint(server).host == "127.0.0.1"
        with socket.create_connection(server.getsockname()) as client:
            assert original_destination(client) is None or original_destination(client) == endpoint_of(
                client.getpeername()
            )
    assert local_endpoint(server) == UNKNOWN
    assert (family_of("::1"), family_of("1.1.1.1")) == (socket.AF_INET6, socket.AF_INET)
