"""HTTP/2 settings (RFC 9113 6.5, RFC 8441 3): what each side told the other."""

from __future__ import annotations

import struct

from sidecar.protocol.http2_frames import (
    FLOW_CONTROL_ERROR,
    FRAME_BYTES_MAX,
    NO_ERROR,
    PROTOCOL_ERROR,
    SETTINGS,
    WINDOW_MAX,
    frame,
)

HEADER_TABLE_SIZE = 1
ENABLE_PUSH = 2
MAX_CONCURRENT_STREAMS = 3
INITIAL_WINDOW_SIZE = 4
MAX_FRAME_SIZE = 5
MAX_HEADER_LIST_SIZE = 6
ENABLE_CONNECT_PROTOCOL = 8

UNLIMITED = 2**32 - 1
_ITEM = struct.Struct("!HI")
_RANGES = {
    # setting: (least, most, the error of a value outside)
    ENABLE_PUSH: (0, 1, PROTOCOL_ERROR),
    INITIAL_WINDOW_SIZE: (0, WINDOW_MAX, FLOW_CONTROL_ERROR),
    MAX_FRAME_SIZE: (FRAME_BYTES_MAX, 2**24 - 1, PROTOCOL_ERROR),
    ENABLE_CONNECT_PROTOCOL: (0, 1, PROTOCOL_ERROR),
}


class PeerSettings:
    """What the peer said; RFC 9113's initial values until it did."""

    __slots__ = ("connect_protocol", "frame_bytes_max", "header_list_max", "streams_max", "table_bytes", "window")

    def __init__(self) -> None:
        self.table_bytes = 4096
        self.streams_max = UNLIMITED
        self.window = 65535
        self.frame_bytes_max = FRAME_BYTES_MAX
        self.header_list_max = UNLIMITED
        self.connect_protocol = False

    def apply(self, payload: bytes, *, from_server: bool) -> int:
        """Take a SETTINGS payload over; an error code or 0. Unknown settings are ignored."""
        for setting, value in _ITEM.iter_unpack(payload):
            allowed = _RANGES.get(setting)
            if allowed is not None and not allowed[0] <= value <= allowed[1]:
                return allowed[2]
            if setting == INITIAL_WINDOW_SIZE:
                self.window = value
            elif setting == MAX_FRAME_SIZE:
                self.frame_bytes_max = value
            elif setting == MAX_CONCURRENT_STREAMS:
                self.streams_max = value
            elif setting == HEADER_TABLE_SIZE:
                self.table_bytes = value
            elif setting == MAX_HEADER_LIST_SIZE:
                self.header_list_max = value
            elif setting == ENABLE_PUSH and value and from_server:
                return PROTOCOL_ERROR  # RFC 9113 6.5.2: a server may only say 0
            elif setting == ENABLE_CONNECT_PROTOCOL:
                if self.connect_protocol and not value:
                    return PROTOCOL_ERROR  # RFC 8441 3: never taken back
                self.connect_protocol = bool(value)
        return NO_ERROR


def settings_frame(values: dict[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_ITEM.pack(setting, value) for setting, value in values.items()))
