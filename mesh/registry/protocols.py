"""Which protocol a port speaks: appProtocol, else the port's name, else found out from the first bytes.

Rules of Istio's protocol selection: `appProtocol` beats the name; a name is `<protocol>[-suffix]`, whatever its case;
ports whose server speaks first are never sniffed.
"""

from __future__ import annotations

HTTP_NAMES = frozenset({"http", "grpc-web"})
"""Protocols that the HTTP connection manager serves."""

OPAQUE_NAMES = frozenset({"http2", "grpc"})
"""HTTP/2 over cleartext: carried as opaque TCP (mTLS, no routing) because the data plane speaks HTTP/1.1."""

TLS_NAMES = frozenset({"https", "tls"})
"""Encrypted by the application: routed by SNI only."""

KNOWN = HTTP_NAMES | OPAQUE_NAMES | TLS_NAMES | {"tcp", "mongo", "mysql", "redis", "udp"}
SERVER_FIRST_PORTS = frozenset({25, 53, 3306, 27017})
AUTO = "auto"

APP_PROTOCOLS = {"kubernetes.io/h2c": "http2", "kubernetes.io/ws": "http", "kubernetes.io/wss": "https"}


def port_protocol(number: int, name: str, app_protocol: str = "", transport: str = "TCP") -> str:
    """The protocol of a Kubernetes Service port; `auto` = sniff."""
    if transport == "UDP":
        return "udp"
    if app_protocol:
        word = app_protocol.lower()
        return _canonical(APP_PROTOCOLS.get(word, word)) or _unnamed(number)
    return _canonical(name.lower()) or _unnamed(number)


def entry_protocol(protocol: str) -> str:
    """The protocol of a ServiceEntry or Gateway port, written as HTTP, TLS, ..."""
    return _canonical(protocol.lower().replace("_", "-")) or "tcp"


def _canonical(name: str) -> str:
    if name.startswith("grpc-web"):
        return "grpc-web"
    word = name.partition("-")[0]
    return word if word in KNOWN else ""


def _unnamed(number: int) -> str:
    return "tcp" if number in SERVER_FIRST_PORTS else AUTO


def is_http(protocol: str) -> bool:
    return protocol in HTTP_NAMES


def is_tls(protocol: str) -> bool:
    return protocol in TLS_NAMES


def is_auto(protocol: str) -> bool:
    return protocol == AUTO
