"""HTTP/2 frames (RFC 9113, 4 and 6): layout, and the rules that can be told from one frame alone."""

from __future__ import annotations

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES = 9
FRAME_BYTES_MAX = 16384
"""SETTINGS_MAX_FRAME_SIZE we leave at its initial value: longer frames would only delay the other streams."""
STREAM_ID_MAX = 2**31 - 1
WINDOW_MAX = 2**31 - 1

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITIZED = 0x20

NO_ERROR = 0
PROTOCOL_ERROR = 1
INTERNAL_ERROR = 2
FLOW_CONTROL_ERROR = 3
STREAM_CLOSED = 5
FRAME_SIZE_ERROR = 6
REFUSED_STREAM = 7
CANCEL = 8
COMPRESSION_ERROR = 9
CONNECT_ERROR = 10
ENHANCE_YOUR_CALM = 11
HTTP_1_1_REQUIRED = 13

HEAD = struct.Struct("!HBBBI")
"""Length (16 + 8 bits), type, flags, stream."""
_WORD = struct.Struct("!I")

_ON_STREAM, _ON_CONNECTION, _EITHER = range(3)
_RULES = (
    # type: where, shortest, longest (-1 = SETTINGS_MAX_FRAME_SIZE)
    (_ON_STREAM, 0, -1),  # DATA
    (_ON_STREAM, 0, -1),  # HEADERS
    (_ON_STREAM, 5, 5),  # PRIORITY
    (_ON_STREAM, 4, 4),  # RST_STREAM
    (_ON_CONNECTION, 0, -1),  # SETTINGS
    (_ON_STREAM, 4, -1),  # PUSH_PROMISE
    (_ON_CONNECTION, 8, 8),  # PING
    (_ON_CONNECTION, 8, -1),  # GOAWAY
    (_EITHER, 4, 4),  # WINDOW_UPDATE
    (_ON_STREAM, 0, -1),  # CONTINUATION
)


def head_error(kind: int, flags: int, stream: int, length: int) -> int:
    """The error code a frame earns by its head alone; 0 = none. Unknown types are none (RFC 9113 5.5)."""
    if length > FRAME_BYTES_MAX:
        return FRAME_SIZE_ERROR
    if kind >= len(_RULES):
        return NO_ERROR
    where, shortest, longest = _RULES[kind]
    if (where == _ON_STREAM and not stream) or (where == _ON_CONNECTION and stream):
        return PROTOCOL_ERROR
    if length < shortest or (longest >= 0 and length > longest):
        return FRAME_SIZE_ERROR
    if kind == SETTINGS and (length % 6 or (flags & ACK and length)):
        return FRAME_SIZE_ERROR
    return NO_ERROR


def unpadded(payload: bytes, flags: int) -> bytes | None:
    """DATA, HEADERS or PUSH_PROMISE without padding; None = more padding than payload (RFC 9113 6.1)."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        return None
    return payload[1 : len(payload) - payload[0]]


def word(payload: bytes, at: int = 0) -> int:
    """31 bits; the reserved one is ignored."""
    value: int = _WORD.unpack_from(payload, at)[0]
    return value & 0x7FFFFFFF


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    length = len(payload)
    return HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream) + payload


def header_frames(stream: int, block: bytes, *, end: bool, bytes_max: int) -> bytes:
    """HEADERS, and CONTINUATION for what does not fit."""
    flags = END_STREAM if end else 0
    length = len(block)
    if length <= bytes_max:
        return HEAD.pack(length >> 8, length & 0xFF, HEADERS, flags | END_HEADERS, stream) + block
    frames = [frame(HEADERS, flags, stream, block[:bytes_max])]
    for at in range(bytes_max, length, bytes_max):
        last = END_HEADERS if at + bytes_max >= length else 0
        frames.append(frame(CONTINUATION, last, stream, block[at : at + bytes_max]))
    return b"".join(frames)


def rst_stream(stream: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream, _WORD.pack(code))


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, _WORD.pack(increment))


def goaway(last: int, code: int, debug: bytes = b"") -> bytes:
    return frame(GOAWAY, 0, 0, _WORD.pack(last) + _WORD.pack(code) + debug)
