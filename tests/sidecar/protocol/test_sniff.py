"""Real ClientHellos made by OpenSSL, cut and damaged; first lines of HTTP."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol.sniff import HTTP2_PREFACE, ClientHello, NotTls, Unfinished, client_hello, http_version


def hello(name: str | None, *protocols: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if protocols:
        context.set_alpn_protocols(list(protocols))
    written = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), written, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return written.read()


SAMPLE = hello("Reviews.default.SVC", "istio", "h2")


def test_names_and_protocols() -> None:
    assert client_hello(SAMPLE) == ClientHello("reviews.default.svc", ("istio", "h2"))
    assert client_hello(hello(None)) == ClientHello("", ())
    assert client_hello(SAMPLE + b"more") == ClientHello("reviews.default.svc", ("istio", "h2"))


def test_every_prefix_is_unfinished() -> None:
    for end in range(len(SAMPLE)):
        assert client_hello(SAMPLE[:end]) == Unfinished()


def test_a_hello_over_several_records() -> None:
    body = SAMPLE[5:]
    halves = [body[:100], body[100:101], body[101:]]
    data = b"".join(b"\x16\x03\x01" + len(half).to_bytes(2, "big") + half for half in halves)
    assert client_hello(data) == ClientHello("reviews.default.svc", ("istio", "h2"))
    assert client_hello(data[:-1]) == Unfinished()


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n", b"\x16\x02\x01\x00\x05hello", b"\x16\x03\x01\x00\x05\x02abcd", b"\x16\x03\x01\x00\x00"],
)
def test_not_tls(data: bytes) -> None:
    assert client_hello(data) == NotTls()


@given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255))
def test_damage_ends_in_a_verdict(at: int, value: int) -> None:
    assert isinstance(client_hello(SAMPLE[:at] + bytes([value]) + SAMPLE[at + 1 :]), ClientHello | NotTls | Unfinished)


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b"GET / HTTP/1.1\r\nHost", "http/1.1"),
        (b"GET / HTTP/1.0\r\n", "http/1.0"),
        (HTTP2_PREFACE, "h2c"),
        (b"PRI * HT", None),
        (b"GET /abc", None),
        (b"GET / HTTP/1.", None),
        (b"G", None),
        (b"\x00\x01", ""),
        (b"SSH-2.0-x\r\n", ""),
        (b"*1\r\n$4\r\nPING\r\n", ""),
        (b"GET /" + b"x" * 9000, ""),
    ],
)
def test_http_versions(data: bytes, version: str | None) -> None:
    assert http_version(data) == version
