"""Goal: headers survive the wire in any pieces, and nothing else passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.network.proxy_protocol import SIGNATURE, ProxyHeader, ProxyProtocolError, encode, parse

SOURCE, DESTINATION = ("10.244.0.2", 0), ("10.244.0.3", 9080)
HEADER = encode(SOURCE, DESTINATION)


def test_known_bytes() -> None:
    """The example of proxy-protocol.txt section 2.2, with our addresses."""
    assert HEADER.hex() == "0d0a0d0a000d0a515549540a2111000c0af400020af4000300002378"


def test_every_cut() -> None:
    data = HEADER + b"GET /"
    for cut in range(len(data) + 1):
        expected = ProxyHeader(SOURCE, DESTINATION, len(HEADER)) if cut >= len(HEADER) else None
        assert parse(data[:cut]) == expected


def test_extensions_are_skipped() -> None:
    extended = HEADER[:14] + (12 + 5).to_bytes(2, "big") + HEADER[16:] + b"\x04\x00\x02ab"
    assert parse(extended) == ProxyHeader(SOURCE, DESTINATION, len(extended))


def test_a_local_header_has_no_addresses() -> None:
    assert parse(SIGNATURE + b"\x20\x00\x00\x00rest") == ProxyHeader(None, None, 16)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\r\n\r\nX",
        SIGNATURE + b"\x11\x11\x00\x0c",  # version 1
        SIGNATURE + b"\x21\x21\x00\x24" + bytes(36),  # IPv6
        SIGNATURE + b"\x21\x11\x00\x04" + bytes(4),  # shorter than its addresses
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
def test_refusals(data: bytes) -> None:
    with pytest.raises(ProxyProtocolError):
        parse(data)


@given(st.binary(max_size=64))
def test_any_bytes_end_in_a_word(tail: bytes) -> None:
    for data in (tail, SIGNATURE + tail):
        try:
            found = parse(data)
        except ProxyProtocolError:
            continue
        assert found is None or found.length <= len(data)
