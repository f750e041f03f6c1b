"""Frames without a message: acknowledgements, answers, and what GOAWAY tells."""

from __future__ import annotations

from sidecar.protocol import http2_frames as f
from sidecar.protocol.http2_settings import settings_frame
from tests.support.http2 import GET, headers, parse, server


def test_settings_are_acknowledged_and_told() -> None:
    end = server()
    end.connection.receive(settings_frame({3: 5}), 0.0)
    assert parse(end.out) == [(f.SETTINGS, f.ACK, 0, b"")]
    assert end.log == [("settings",)]
    assert end.connection.peer.streams_max == 5


def test_ping_is_answered_and_its_answer_is_not() -> None:
    end = server()
    end.connection.receive(f.frame(f.PING, 0, 0, b"12345678") + f.frame(f.PING, f.ACK, 0, b"12345678"), 0.0)
    assert parse(end.out) == [(f.PING, f.ACK, 0, b"12345678")]


def test_goaway_is_told() -> None:
    end = server()
    end.connection.receive(f.goaway(3, f.ENHANCE_YOUR_CALM, b"why"), 0.0)
    assert end.log == [("goaway", 3, f.ENHANCE_YOUR_CALM)]


def test_resets_are_told_once() -> None:
    end = server()
    end.connection.receive(headers(1, GET) + f.rst_stream(1, f.CANCEL) * 2, 0.0)
    assert end.log[1:] == [("reset", 1, f.CANCEL, True)]


def test_priority_and_window_update_floods() -> None:
    for wire, count in ((f.frame(f.PRIORITY, 0, 3, bytes(5)), 101), (f.window_update(0, 1), 6)):
        end = server()
        end.connection.receive(wire * (count - 1), 0.0)
        assert not end.connection.failed
        end.connection.receive(wire, 0.0)
        assert end.connection.failed == f.ENHANCE_YOUR_CALM
