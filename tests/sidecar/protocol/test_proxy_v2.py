"""PROXY headers: round trips, every split, every length that lies."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol import proxy_v2
from sidecar.protocol.proxy_v2 import SIGNATURE, Malformed, NeedMore, ProxyHeader, decode, encode

SAMPLE = encode(("10.244.0.1", 0), ("10.244.0.2", 9080))


@pytest.mark.parametrize(
    ("source", "destination"),
    [(("10.0.0.1", 5), ("10.0.0.2", 65535)), (("2001:db8::1", 0), ("::1", 80))],
)
def test_round_trip(source: tuple[str, int], destination: tuple[str, int]) -> None:
    data = encode(source, destination)
    assert decode(data + b"GET") == ProxyHeader(len(data), source, destination)


def test_every_prefix_asks_for_more() -> None:
    for end in range(len(SAMPLE)):
        found = decode(SAMPLE[:end])
        assert isinstance(found, NeedMore)
        assert end < found.size <= len(SAMPLE)


def header(body: bytes, *, version_command: int = 0x21, family: int = 0x11, length: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", version_command, family, len(body) if length is None else length) + body


ADDRESSES = bytes(8) + b"\x00\x01\x00\x02"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (header(b"", version_command=0x20, family=0), ProxyHeader),
        (header(b"junk", version_command=0x20), ProxyHeader),
        (header(ADDRESSES + b"\x04\x00\x03abc"), ProxyHeader),
        (header(ADDRESSES + b"\x04\x00\x09abc"), Malformed),
        (header(ADDRESSES + b"\x04\x00"), Malformed),
        (header(ADDRESSES[:-1]), Malformed),
        (header(ADDRESSES, version_command=0x11), Malformed),
        (header(ADDRESSES, version_command=0x22), Malformed),
        (header(ADDRESSES, family=0x41), Malformed),
        (header(ADDRESSES, family=0x13), Malformed),
        (header(bytes(216), family=0x31), ProxyHeader),
        (header(ADDRESSES, length=5000), Malformed),
        (b"GET / HTTP/1.1\r\n", Malformed),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", ProxyHeader),
        (b"PROXY UNKNOWN whatever\r\n", ProxyHeader),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n", Malformed),
        (b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", Malformed),
        (b"PROXY TCP4 1.2.3.999 5.6.7.8 1 2\r\n", Malformed),
        (b"PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n", Malformed),
        (b"PROXY " + b"x" * 120, Malformed),
        (b"PROX", NeedMore),
    ],
)
def test_headers(data: bytes, kind: type) -> None:
    assert isinstance(decode(data), kind)


def test_a_tlv_is_exactly_its_own_bytes() -> None:
    found = decode(header(ADDRESSES + b"\x04\x00\x03abc\x05\x00\x00") + b"\x06\x00\x01x")
    assert isinstance(found, ProxyHeader)
    assert found.tlvs == ((4, b"abc"), (5, b""))
    assert proxy_v2.HEADER_BYTES == 16


@given(st.binary(max_size=60), st.integers(0, len(SAMPLE)))
def test_any_bytes_end_in_a_verdict(tail: bytes, keep: int) -> None:
    found = decode(SAMPLE[:keep] + tail)
    if isinstance(found, ProxyHeader):
        assert found.size <= keep + len(tail)


@pytest.mark.parametrize(
    ("source", "destination", "written"),
    [
        (("10.0.0.1", 5), ("10.0.0.2", 80), b"PROXY TCP4 10.0.0.1 10.0.0.2 5 80\r\n"),
        (("::1", 5), ("fe80::2", 80), b"PROXY TCP6 ::1 fe80::2 5 80\r\n"),
    ],
)
def test_version_1_is_read_as_it_was_written(
    source: tuple[str, int], destination: tuple[str, int], written: bytes
) -> None:
    assert proxy_v2.encode_v1(source, destination) == written
    assert decode(written) == ProxyHeader(len(written), source, destination)


def test_headers_of_nobody() -> None:
    for header in (proxy_v2.LOCAL, proxy_v2.UNKNOWN_V1):
        assert decode(header) == ProxyHeader(len(header))
