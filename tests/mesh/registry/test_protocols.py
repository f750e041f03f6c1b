"""Protocol selection as a table."""

from __future__ import annotations

import pytest

from mesh.registry.protocols import entry_protocol, is_auto, is_http, is_tls, port_protocol


@pytest.mark.parametrize(
    ("number", "name", "app_protocol", "expected"),
    [
        (9080, "http", "", "http"),
        (9080, "HTTP-web", "", "http"),
        (9080, "http2-web", "", "http2"),
        (9080, "grpc-web-x", "", "grpc-web"),
        (9080, "grpc-x", "", "grpc"),
        (9080, "tcp-x", "", "tcp"),
        (9080, "httpx", "", "auto"),
        (9080, "", "", "auto"),
        (9080, "tcp", "http", "http"),
        (9080, "x", "kubernetes.io/h2c", "http2"),
        (9080, "x", "kubernetes.io/wss", "https"),
        (3306, "", "", "tcp"),
        (3306, "http", "", "http"),
    ],
)
def test_kubernetes_ports(number: int, name: str, app_protocol: str, expected: str) -> None:
    assert port_protocol(number, name, app_protocol) == expected


def test_datagrams_are_not_carried() -> None:
    assert port_protocol(53, "dns", "", "UDP") == "udp"


@pytest.mark.parametrize(
    ("written", "expected"), [("HTTP", "http"), ("TLS", "tls"), ("GRPC_WEB", "grpc-web"), ("", "tcp"), ("what", "tcp")]
)
def test_service_entry_ports(written: str, expected: str) -> None:
    assert entry_protocol(written) == expected


def test_classes() -> None:
    assert is_http("grpc-web") and not is_http("grpc")
    assert is_tls("https") and not is_tls("http")
    assert is_auto("auto")
