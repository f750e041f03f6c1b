"""Two ends of HTTP/2 for tests: our connection with its events written down, and frames by hand."""

from __future__ import annotations

from typing import Any

from sidecar.protocol import http2_frames as frames
from sidecar.protocol.hpack_decoder import Block
from sidecar.protocol.hpack_encoder import encode
from sidecar.protocol.http2_connection import Http2Connection
from sidecar.protocol.http2_sending import Http2Options
from sidecar.protocol.http2_settings import settings_frame
from sidecar.protocol.http2_streams import Stream

GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"a.test")]
POST = [(b":method", b"POST"), *GET[1:]]


class End:
    """One connection; `out` is what it wrote, `log` what it told."""

    def __init__(self, *, client: bool = False, options: Http2Options | None = None, written: bool = True) -> None:
        self.out = b""
        self.log: list[Any] = []
        self.answer = 0
        self.streams: dict[int, Stream] = {}
        self.connection = Http2Connection(
            self, self._write, options or Http2Options(), client=client, all_written=lambda: written
        )

    def _write(self, data: bytes) -> None:
        self.out += data

    def on_head(self, stream: Stream, block: Block, end: bool) -> int:
        self.streams[stream.id] = stream
        self.log.append(("head", stream.id, dict(block.pairs), end))
        return self.answer

    def on_trailers(self, stream: Stream, block: Block) -> int:
        self.log.append(("trailers", stream.id, dict(block.pairs)))
        return self.answer

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        self.log.append(("data", stream.id, data, end))

    def on_stream_reset(self, stream: Stream, code: int, by_peer: bool) -> None:
        self.log.append(("reset", stream.id, code, by_peer))

    def on_blocked(self, stream: Stream, blocked: bool) -> None:
        self.log.append(("blocked", stream.id, blocked))

    def on_settings(self) -> None:
        self.log.append(("settings",))

    def on_goaway(self, last: int, code: int) -> None:
        self.log.append(("goaway", last, code))

    def taken(self) -> bytes:
        out, self.out = self.out, b""
        return out


def server(options: Http2Options | None = None, *, written: bool = True) -> End:
    """A server that has greeted and was greeted."""
    end = End(options=options, written=written)
    end.connection.start()
    end.connection.receive(frames.PREFACE + settings_frame({}), 0.0)
    end.taken()
    end.log.clear()
    return end


def headers(stream: int, pairs: list[tuple[bytes, bytes]], *, end: bool = True) -> bytes:
    return frames.header_frames(stream, encode(pairs), end=end, bytes_max=16384)


def data(stream: int, payload: bytes, *, end: bool = False) -> bytes:
    return frames.frame(frames.DATA, int(end), stream, payload)


def parse(wire: bytes) -> list[tuple[int, int, int, bytes]]:
    """(type, flags, stream, payload) of every frame."""
    found, at = [], 0
    while at < len(wire):
        high, low, kind, flags, stream = frames.HEAD.unpack_from(wire, at)
        size = high << 8 | low
        found.append((kind, flags, stream, wire[at + 9 : at + 9 + size]))
        at += 9 + size
    return found


def errors(wire: bytes) -> list[tuple[str, int, int]]:
    """Resets as ("reset", stream, code) and farewells as ("goaway", last, code)."""
    found = []
    for kind, _, stream, payload in parse(wire):
        if kind == frames.RST_STREAM:
            found.append(("reset", stream, frames.word(payload)))
        elif kind == frames.GOAWAY:
            found.append(("goaway", frames.word(payload), frames.word(payload, 4)))
    return found
