"""HTTP/1 message bodies: how many bytes belong to this message, and which.

A reader takes what arrived and says which bytes are body, whether the body is complete and what is left over for the
next message. Chunked bodies are unchunked here and framed anew by the writer: no chunk header of a peer is ever copied
to another one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sidecar.protocol.http1_fields import Malformed, parse_trailers
from sidecar.protocol.http1_head import CHUNKED, HEAD_BYTES_MAX
from sidecar.protocol.message import Headers
from sidecar.protocol.numbers import hexadecimal

EXTENSION_BYTES_MAX = 16 * 1024
"""Chunk extensions carry nothing we use; a peer that sends many of them is only making us read (CVE-2023-39326)."""
CHUNK_LINE_BYTES_MAX = 4 * 1024

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:;[\t\x20-\x7e\x80-\xff]*)?)\Z")


class Piece(NamedTuple):
    """What one `feed` found."""

    body: bytes
    done: bool
    rest: bytes
    """Bytes after the end of the message; empty until it is done."""
    trailers: Headers | None = None


class LengthReader:
    """A body of known length."""

    __slots__ = ("remaining",)

    def __init__(self, length: int) -> None:
        self.remaining = length

    def feed(self, data: bytes) -> Piece:
        size = len(data)
        if size < self.remaining:
            self.remaining -= size
            return Piece(data, False, b"")
        split = self.remaining
        self.remaining = 0
        if size == split:
            return Piece(data, True, b"")
        return Piece(data[:split], True, data[split:])


class CloseReader:
    """A body that ends with the connection; only responses have it."""

    __slots__ = ()

    def feed(self, data: bytes) -> Piece:
        return Piece(data, False, b"")


class ChunkedReader:
    """RFC 9112 7.1. After a `Malformed` neither this reader nor the connection may be used again."""

    __slots__ = ("_buffer", "_extension_bytes", "_read", "_remaining", "_trailer_bytes", "_trailers")

    def __init__(self) -> None:
        self._buffer = b""
        self._remaining = 0
        self._extension_bytes = 0
        self._trailer_bytes = 0
        self._trailers: list[bytes] = []
        self._read = self._size

    def feed(self, data: bytes) -> Piece | Malformed:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        pieces: list[bytes] = []
        at = 0
        while True:
            step = self._read(data, at, pieces)
            if isinstance(step, Malformed):
                return step
            if step < 0:  # complete; the message ends at -step - 1
                end = -step - 1
                trailers: Headers | Malformed | None = parse_trailers(self._trailers) if self._trailers else None
                if isinstance(trailers, Malformed):
                    return trailers
                return Piece(b"".join(pieces), True, data[end:], trailers)
            if step == at:
                self._buffer = data[at:]
                return Piece(b"".join(pieces), False, b"")
            at = step

    # Each state reads from `at` and returns where it stopped; `at` itself = more bytes are needed.

    def _size(self, data: bytes, at: int, pieces: list[bytes]) -> int | Malformed:
        end = self._line_end(data, at, CHUNK_LINE_BYTES_MAX)
        if isinstance(end, Malformed) or end < 0:
            return end if isinstance(end, Malformed) else at
        found = _CHUNK_LINE.match(data[at:end])
        size = None if found is None else hexadecimal(found[1])
        if found is None or size is None:
            return Malformed(400, "http1.codec_error")
        self._extension_bytes += len(found[2])
        if self._extension_bytes > EXTENSION_BYTES_MAX:
            return Malformed(400, "http1.codec_error")
        self._remaining = size
        self._read = self._data if size else self._trailer
        return end + 2

    def _data(self, data: bytes, at: int, pieces: list[bytes]) -> int | Malformed:
        end = min(at + self._remaining, len(data))
        if end > at:
            pieces.append(data[at:end])
            self._remaining -= end - at
        if not self._remaining:
            self._read = self._data_end
        return end

    def _data_end(self, data: bytes, at: int, pieces: list[bytes]) -> int | Malformed:
        ending = data[at : at + 2]
        if ending == b"\r\n":
            self._read = self._size
            return at + 2
        return at if ending in (b"", b"\r") else Malformed(400, "http1.codec_error")

    def _trailer(self, data: bytes, at: int, pieces: list[bytes]) -> int | Malformed:
        end = self._line_end(data, at, HEAD_BYTES_MAX)
        if isinstance(end, Malformed) or end < 0:
            return end if isinstance(end, Malformed) else at
        if end == at:
            return -(end + 2) - 1
        self._trailer_bytes += end - at
        if self._trailer_bytes > HEAD_BYTES_MAX:
            return Malformed(431, "http1.headers_too_large")
        self._trailers.append(data[at:end])
        return end + 2

    @staticmethod
    def _line_end(data: bytes, at: int, limit: int) -> int | Malformed:
        """Index of the CRLF that ends the line at `at`; -1 = not there yet. A bare LF or CR is an error at once."""
        feed = data.find(b"\n", at)
        if feed < 0:
            bare = data.find(b"\r", at, len(data) - 1)
            return Malformed(400, "http1.codec_error") if bare >= 0 or len(data) - at > limit else -1
        if feed == at or data.find(b"\r", at, feed) != feed - 1 or feed - at > limit:
            return Malformed(400, "http1.codec_error")
        return feed - 1


BodyReader = LengthReader | ChunkedReader | CloseReader


def body_reader(framing: int) -> BodyReader:
    """The reader for a framing that `parse_request` or `parse_response` found (bytes, CHUNKED or UNTIL_CLOSE)."""
    if framing >= 0:
        return LengthReader(framing)
    return ChunkedReader() if framing == CHUNKED else CloseReader()
