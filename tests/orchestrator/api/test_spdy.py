"""Goal: frames survive the wire, however it is cut, and nonsense is refused. Method: split at every byte; mutations."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.api import spdy
from orchestrator.api.spdy import Decoder, Encoder, Frame, SpdyError
from orchestrator.api.spdy_dictionary import DICTIONARY

HEADERS = {"streamtype": "data", "port": "80", "requestid": "0"}


def conversation() -> bytes:
    encoder = Encoder()
    return b"".join(
        [
            encoder.syn_stream(1, HEADERS),
            encoder.syn_stream(3, {**HEADERS, "streamtype": "error"}, fin=True),
            encoder.syn_reply(1, {}),
            spdy.data(1, b"hello"),
            spdy.data(1, fin=True),
            spdy.rst_stream(1),
            spdy.ping(7),
            spdy.window_update(0, 5),
        ]
    )


FRAMES = [
    Frame(spdy.SYN_STREAM, 1, headers=HEADERS),
    Frame(spdy.SYN_STREAM, 3, fin=True, headers={**HEADERS, "streamtype": "error"}),
    Frame(spdy.SYN_REPLY, 1),
    Frame(0, 1, b"hello"),
    Frame(0, 1, fin=True),
    Frame(spdy.RST_STREAM, 1, b"\x00\x00\x00\x03"),
    Frame(spdy.PING, 7),
    Frame(spdy.WINDOW_UPDATE, 0, b"\x00\x00\x00\x05"),
]  # fmt: skip


def test_whole_and_split_at_every_byte() -> None:
    wire = conversation()
    assert Decoder().feed(wire) == FRAMES
    for cut in range(len(wire)):
        decoder = Decoder()
        assert decoder.feed(wire[:cut]) + decoder.feed(wire[cut:]) == FRAMES
    decoder = Decoder()
    assert [frame for byte in wire for frame in decoder.feed(bytes((byte,)))] == FRAMES


@given(st.data())
def test_mutations_are_frames_or_refused(data: st.DataObject) -> None:
    wire = bytearray(conversation())
    wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert all(isinstance(frame, Frame) for frame in Decoder().feed(bytes(wire)))
    except SpdyError:
        pass


def block(plain: bytes) -> bytes:
    packer = zlib.compressobj(zdict=DICTIONARY)
    packed = b"\x00\x00\x00\x01" + packer.compress(plain) + packer.flush(zlib.Z_SYNC_FLUSH)
    return b"\x80\x03\x00\x02" + len(packed).to_bytes(4, "big") + packed


@pytest.mark.parametrize(
    "wire",
    [
        b"\x80\x02\x00\x01\x00\x00\x00\x00",
        b"\x00\x00\x00\x01\x00\xff\xff\xff",
        b"\x80\x03\x00\x03\x00\x00\x00\x01x",
        block(b"\x00" * 100_000),
        block(b"\x00\x00\xff\xff"),
        block(b"\x00\x00\x00\x01\x00\x00\x00\x09short"),
    ],
)
def test_nonsense(wire: bytes) -> None:
    with pytest.raises(SpdyError):
        Decoder().feed(wire)
