"""Settings: values and their errors."""

from __future__ import annotations

import pytest

from sidecar.protocol import http2_settings as settings
from sidecar.protocol.http2_frames import FLOW_CONTROL_ERROR, PROTOCOL_ERROR
from sidecar.protocol.http2_settings import PeerSettings, settings_frame


def apply(*items: tuple[int, int], from_server: bool = False) -> tuple[int, PeerSettings]:
    peer = PeerSettings()
    return peer.apply(settings_frame(dict(items))[9:], from_server=from_server), peer


@pytest.mark.parametrize(
    ("item", "error"),
    [
        ((settings.ENABLE_PUSH, 2), PROTOCOL_ERROR),
        ((settings.INITIAL_WINDOW_SIZE, 2**31), FLOW_CONTROL_ERROR),
        ((settings.MAX_FRAME_SIZE, 16383), PROTOCOL_ERROR),
        ((settings.MAX_FRAME_SIZE, 2**24), PROTOCOL_ERROR),
        ((settings.ENABLE_CONNECT_PROTOCOL, 2), PROTOCOL_ERROR),
        ((0x99, 7), 0),
        ((settings.ENABLE_PUSH, 1), 0),
    ],
)
def test_errors(item: tuple[int, int], error: int) -> None:
    assert apply(item)[0] == error


def test_a_server_may_not_enable_push() -> None:
    assert apply((settings.ENABLE_PUSH, 1), from_server=True)[0] == PROTOCOL_ERROR


def test_values() -> None:
    error, peer = apply((1, 0), (3, 7), (4, 10), (5, 20000), (6, 9), (8, 1))
    assert error == 0
    assert (peer.table_bytes, peer.streams_max, peer.window) == (0, 7, 10)
    assert (peer.frame_bytes_max, peer.header_list_max, peer.connect_protocol) == (20000, 9, True)
    assert peer.apply(settings_frame({8: 0})[9:], from_server=False) == PROTOCOL_ERROR
