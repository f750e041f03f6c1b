"""Sending: windows, turns, trailers behind data, and being held back."""

from __future__ import annotations

from sidecar.protocol import http2_frames as f
from sidecar.protocol.hpack_encoder import encode
from sidecar.protocol.http2_settings import settings_frame
from tests.support.http2 import GET, End, errors, headers, parse, server

STATUS = encode([(b":status", b"200")])


def asked(*streams: int) -> End:
    end = server()
    for stream in streams:
        end.connection.receive(headers(stream, GET), 0.0)
        end.connection.send_head(end.streams[stream], STATUS, False)
    end.taken()
    return end


def sizes(wire: bytes) -> list[tuple[int, int, int]]:
    return [(stream, len(payload), flags) for kind, flags, stream, payload in parse(wire) if kind == f.DATA]


def test_streams_take_turns_within_the_connection_window() -> None:
    end = asked(1, 3)
    end.connection.send_data(end.streams[1], b"x" * 60_000, True)
    end.connection.send_data(end.streams[3], b"y" * 20_000, True)
    assert sum(size for _, size, _ in sizes(end.taken())) == 65_535
    end.connection.receive(f.window_update(0, 100_000), 0.0)
    assert sizes(end.taken())[-1] == (3, 14_465, 1)
    assert not end.connection.streams


def test_one_stalled_stream_does_not_stop_another() -> None:
    end = asked(1, 3)
    end.connection.receive(settings_frame({4: 10}) + f.window_update(3, 1000), 0.0)
    end.taken()
    end.connection.send_data(end.streams[1], b"x" * 100, True)
    end.connection.send_data(end.streams[3], b"y" * 100, True)
    assert sizes(end.taken()) == [(1, 10, 0), (3, 100, 1)]


def test_a_window_may_become_negative() -> None:
    end = asked(1)
    end.connection.send_data(end.streams[1], b"x" * 100, False)
    end.connection.receive(settings_frame({4: 50}), 0.0)
    end.taken()
    end.connection.send_data(end.streams[1], b"y", True)
    end.connection.receive(f.window_update(1, 50), 0.0)
    assert sizes(end.taken()) == []
    end.connection.receive(f.window_update(1, 1), 0.0)
    assert sizes(end.taken()) == [(1, 1, 1)]


def test_trailers_wait_for_the_data_before_them() -> None:
    end = asked(1)
    end.connection.receive(settings_frame({4: 0}), 0.0)
    end.taken()
    end.connection.send_data(end.streams[1], b"abc", False)
    end.connection.send_trailers(end.streams[1], encode([(b"grpc-status", b"0")]))
    assert end.out == b""
    end.connection.receive(f.window_update(1, 10), 0.0)
    assert [(kind, flags) for kind, flags, _, _ in parse(end.taken())] == [(f.DATA, 0), (f.HEADERS, 5)]


def test_who_sends_too_much_is_told() -> None:
    end = asked(1)
    end.connection.receive(settings_frame({4: 0}), 0.0)
    end.connection.send_data(end.streams[1], b"x" * 100_000, False)
    assert end.log[-1] == ("blocked", 1, True)
    end.connection.receive(f.window_update(1, 90_000) + f.window_update(0, 90_000), 0.0)
    assert end.log[-1] == ("blocked", 1, False)


def test_a_full_socket_holds_everything_back() -> None:
    end = asked(1)
    end.connection.set_blocked(True)
    end.connection.send_data(end.streams[1], b"abc", True)
    assert end.out == b""
    end.connection.set_blocked(False)
    assert sizes(end.taken()) == [(1, 3, 1)]


def test_reset_and_farewell() -> None:
    end = asked(1)
    end.connection.goaway()
    end.connection.reset(end.streams[1], f.CANCEL)
    end.connection.reset(end.streams[1], f.CANCEL)
    end.connection.fail(f.PROTOCOL_ERROR, b"x")
    end.connection.fail(f.PROTOCOL_ERROR, b"x")
    assert errors(end.out) == [
        ("goaway", f.STREAM_ID_MAX, 0),
        ("reset", 1, f.CANCEL),
        ("goaway", 1, f.PROTOCOL_ERROR),
    ]


def test_a_lowered_table_is_confirmed() -> None:
    end = asked(1)
    end.connection.receive(settings_frame({1: 0}), 0.0)
    end.taken()
    end.connection.send_head(end.streams[1], STATUS, True)
    assert parse(end.out)[0][3] == b"\x20\x88"
