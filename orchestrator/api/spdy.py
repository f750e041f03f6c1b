"""SPDY/3.1 frames, as far as port-forward uses them (SPDY Protocol Draft 3.1, section 2.2). Pure.

Kubernetes' clients carry them inside the binary messages of a WebSocket. Bytes in, frames out; frames in, bytes out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.api.spdy_dictionary import DICTIONARY

SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
FIN = 0x01
REFUSED_STREAM = 3
FRAME_BYTES_MAX = 1 << 20
HEADER_BLOCK_BYTES_MAX = 16 << 10
HEADERS_MAX = 32
DATA_BYTES_MAX = 32 << 10
"""Of one frame that we send; what is received may be as long as a frame."""
_HEAD = struct.Struct(">II")
_VERSION = 0x8003
_STREAM_MASK = 0x7FFFFFFF


class SpdyError(Exception):
    """The peer does not speak SPDY/3.1; the connection cannot go on."""


@dataclass(frozen=True, slots=True)
class Frame:
    """`type` 0 is DATA. `stream` is the id of a PING and the last good stream of a GOAWAY."""

    type: int
    stream: int
    payload: bytes = b""
    fin: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


class Decoder:
    """One direction of one connection: header blocks share a compression state."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now. Raises `SpdyError`."""
        self._buffer += data
        frames: list[Frame] = []
        while len(self._buffer) >= _HEAD.size:
            first, second = _HEAD.unpack_from(self._buffer)
            flags, length = second >> 24, second & 0xFFFFFF
            if length > FRAME_BYTES_MAX:
                raise SpdyError(f"a frame of {length} bytes")
            if len(self._buffer) < _HEAD.size + length:
                break
            payload = bytes(self._buffer[_HEAD.size : _HEAD.size + length])
            del self._buffer[: _HEAD.size + length]
            frames.append(self._frame(first, flags, payload))
        return frames

    def _frame(self, first: int, flags: int, payload: bytes) -> Frame:
        fin = bool(flags & FIN)
        if not first >> 31:
            return Frame(0, first, payload, fin)
        if first >> 16 != _VERSION:
            raise SpdyError("not version 3 of SPDY")
        kind = first & 0xFFFF
        if kind == SETTINGS:
            return Frame(kind, 0)
        if len(payload) < 4:
            raise SpdyError(f"a frame of type {kind} cut short")
        stream = int.from_bytes(payload[:4], "big")
        if kind in (PING,):
            return Frame(kind, stream)
        stream &= _STREAM_MASK
        before = {SYN_STREAM: 10, SYN_REPLY: 4, HEADERS: 4}.get(kind)
        if before is None:
            return Frame(kind, stream, payload[4:])
        return Frame(kind, stream, b"", fin, self._headers(payload[before:]))

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block, HEADER_BLOCK_BYTES_MAX)
        except zlib.error as failure:
            raise SpdyError(f"a header block that cannot be read: {failure}") from failure
        if self._inflate.unconsumed_tail:
            raise SpdyError("a header block that is too long")
        reader = _Reader(plain)
        count = reader.number()
        if count > HEADERS_MAX:
            raise SpdyError(f"{count} headers")
        return {reader.text().lower(): reader.text() for _ in range(count)}


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def number(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def text(self) -> str:
        return self._take(self.number()).decode("latin-1")

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self._place:
            raise SpdyError("a header block cut short")
        self._place += count
        return self._data[self._place - count : self._place]


class Encoder:
    """The other direction."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def syn_stream(self, stream: int, headers: Mapping[str, str], *, fin: bool = False) -> bytes:
        return _control(SYN_STREAM, struct.pack(">IIH", stream, 0, 0) + self._block(headers), FIN * fin)

    def syn_reply(self, stream: int, headers: Mapping[str, str]) -> bytes:
        return _control(SYN_REPLY, stream.to_bytes(4, "big") + self._block(headers))

    def _block(self, headers: Mapping[str, str]) -> bytes:
        plain = len(headers).to_bytes(4, "big")
        for word in (word for pair in headers.items() for word in pair):
            plain += len(word).to_bytes(4, "big") + word.encode("latin-1")
        return self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


def data(stream: int, payload: bytes = b"", *, fin: bool = False) -> bytes:
    return _HEAD.pack(stream, FIN * fin << 24 | len(payload)) + payload


def rst_stream(stream: int, status: int = REFUSED_STREAM) -> bytes:
    return _control(RST_STREAM, struct.pack(">II", stream, status))


def ping(identity: int) -> bytes:
    return _control(PING, identity.to_bytes(4, "big"))


def window_update(stream: int, credit: int) -> bytes:
    return _control(WINDOW_UPDATE, struct.pack(">II", stream, credit))


def _control(kind: int, payload: bytes, flags: int = 0) -> bytes:
    return _HEAD.pack(_VERSION << 16 | kind, flags << 24 | len(payload)) + payload
