"""HTTP/2 connections: every rule that earns an error, bytes split anywhere, and `h2` at the other end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol import http2_frames as f
from sidecar.protocol.hpack_encoder import encode
from sidecar.protocol.http2_floods import CONTINUATIONS_MAX
from sidecar.protocol.http2_sending import Http2Options
from sidecar.protocol.http2_settings import settings_frame
from tests.support.http2 import GET, POST, End, data, errors, headers, parse, server

OPEN = headers(1, POST, end=False)
ENDED = headers(1, GET)
TRAILERS = [(b"x-sum", b"1")]
RST = f.rst_stream(1, f.CANCEL)


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        # 4.2, 4.3
        (b"\x00\x40\x01\x00\x00\x00\x00\x00\x01", ("goaway", 0, f.FRAME_SIZE_ERROR)),
        (f.frame(f.HEADERS, 5, 1, b"\x80"), ("goaway", 0, f.COMPRESSION_ERROR)),
        (f.frame(f.HEADERS, 1, 1, encode(GET)) + f.frame(f.PRIORITY, 0, 1, bytes(5)), ("goaway", 0, f.PROTOCOL_ERROR)),
        (f.frame(f.HEADERS, 1, 1, encode(GET)) + f.frame(0xEE, 0, 1), ("goaway", 0, f.PROTOCOL_ERROR)),
        # 5.1: idle
        (data(1, b"x"), ("goaway", 0, f.PROTOCOL_ERROR)),
        (RST, ("goaway", 0, f.PROTOCOL_ERROR)),
        (f.window_update(1, 1), ("goaway", 0, f.PROTOCOL_ERROR)),
        (f.frame(f.CONTINUATION, 4, 1, encode(GET)), ("goaway", 0, f.PROTOCOL_ERROR)),
        # half-closed (remote)
        (ENDED + data(1, b"x"), ("reset", 1, f.STREAM_CLOSED)),
        (ENDED + headers(1, GET), ("reset", 1, f.STREAM_CLOSED)),
        # closed
        (OPEN + RST + data(1, b"x"), ("goaway", 1, f.STREAM_CLOSED)),
        (OPEN + RST + headers(1, GET), ("goaway", 1, f.STREAM_CLOSED)),
        # 5.1.1
        (headers(2, GET), ("goaway", 0, f.PROTOCOL_ERROR)),
        (headers(5, GET) + headers(3, GET), ("goaway", 5, f.PROTOCOL_ERROR)),
        # 5.3.1
        (f.frame(f.HEADERS, 0x25, 1, b"\x00\x00\x00\x01\x10" + encode(GET)), ("reset", 1, f.PROTOCOL_ERROR)),
        (OPEN + f.frame(f.PRIORITY, 0, 1, b"\x00\x00\x00\x01\x10"), ("reset", 1, f.PROTOCOL_ERROR)),
        # 6
        (OPEN + f.frame(f.DATA, 8, 1, b"\x05abc"), ("goaway", 1, f.PROTOCOL_ERROR)),
        (data(0, b"x"), ("goaway", 0, f.PROTOCOL_ERROR)),
        (OPEN + f.frame(f.RST_STREAM, 0, 1, b"abc"), ("goaway", 1, f.FRAME_SIZE_ERROR)),
        (f.frame(f.PING, 0, 0, b"abc"), ("goaway", 0, f.FRAME_SIZE_ERROR)),
        (f.frame(f.PING, 0, 1, bytes(8)), ("goaway", 0, f.PROTOCOL_ERROR)),
        (f.frame(f.SETTINGS, 1, 0, bytes(6)), ("goaway", 0, f.FRAME_SIZE_ERROR)),
        (settings_frame({4: 2**31}), ("goaway", 0, f.FLOW_CONTROL_ERROR)),
        (f.frame(f.PUSH_PROMISE, 4, 1, bytes(4)), ("goaway", 0, f.PROTOCOL_ERROR)),
        (f.frame(f.GOAWAY, 0, 1, bytes(8)), ("goaway", 0, f.PROTOCOL_ERROR)),
        (f.window_update(0, 0), ("goaway", 0, f.PROTOCOL_ERROR)),
        (f.window_update(0, 2**31 - 1), ("goaway", 0, f.FLOW_CONTROL_ERROR)),
        (OPEN + f.window_update(1, 0), ("reset", 1, f.PROTOCOL_ERROR)),
        (OPEN + f.window_update(1, 2**31 - 1), ("reset", 1, f.FLOW_CONTROL_ERROR)),
        (OPEN + settings_frame({4: 65536}) + f.window_update(1, 2**31 - 65536), ("reset", 1, f.FLOW_CONTROL_ERROR)),
        # 8.1
        (OPEN + headers(1, TRAILERS, end=False), ("reset", 1, f.PROTOCOL_ERROR)),
    ],
)  # fmt: skip
def test_errors(wire: bytes, error: tuple[str, int, int]) -> None:
    end = server()
    end.connection.receive(wire, 0.0)
    assert errors(end.out) == [error]
    assert bool(end.connection.failed) == (error[0] == "goaway")


@pytest.mark.parametrize(
    "wire",
    [
        f.frame(0xEE, 0xFF, 0, b"x"),
        f.frame(f.PRIORITY, 0, 3, bytes(5)),
        ENDED + f.window_update(1, 5),
        OPEN + RST + RST + f.window_update(1, 5),
        OPEN + headers(1, TRAILERS),
        f.frame(f.SETTINGS, 1, 0),
    ],
)
def test_no_errors(wire: bytes) -> None:
    end = server()
    end.connection.receive(wire, 0.0)
    assert errors(end.out) == []


@pytest.mark.parametrize("wire", [b"GET / HTTP/1.1\r\n", f.PREFACE + f.frame(f.PING, 0, 0, bytes(8))])
def test_bad_prefaces(wire: bytes) -> None:
    end = End()
    end.connection.receive(wire, 0.0)
    assert errors(end.out) == [("goaway", 0, f.PROTOCOL_ERROR)]


@pytest.mark.parametrize(("sent", "good"), [(2, False), (3, True), (4, False)])
@pytest.mark.parametrize("trailers", [False, True])
def test_content_length_must_be_the_sum_of_data(sent: int, good: bool, trailers: bool) -> None:
    end = server()
    end.connection.receive(OPEN, 0.0)
    end.streams[1].expected = 3
    end.connection.receive(data(1, b"x" * sent, end=not trailers), 0.0)
    if trailers:
        end.connection.receive(headers(1, TRAILERS), 0.0)
    assert errors(end.out) == ([] if good else [("reset", 1, f.PROTOCOL_ERROR)])


def test_frames_on_their_way_to_a_stream_we_reset_are_ignored() -> None:
    end = server()
    end.connection.receive(OPEN, 0.0)
    end.connection.reset(end.streams[1], f.CANCEL)
    end.taken()
    end.connection.receive(data(1, b"x") + headers(1, TRAILERS) + headers(3, GET), 0.0)
    assert errors(end.out) == []
    assert end.log[-1][:2] == ("head", 3)


def test_too_many_streams_are_refused_and_the_tables_stay_right() -> None:
    end = server(Http2Options(streams_max=1))
    indexed = b"\x40\x01a\x01b"
    end.connection.receive(OPEN + f.frame(f.HEADERS, 5, 3, encode(GET) + indexed), 0.0)
    assert errors(end.taken()) == [("reset", 3, f.REFUSED_STREAM)]
    end.connection.receive(RST + f.frame(f.HEADERS, 5, 5, encode(GET) + b"\xbe"), 0.0)
    assert end.log[-1][2][b"a"] == b"b"


def test_receive_windows() -> None:
    end = server(Http2Options(stream_window=100, connection_window=65535))
    end.connection.receive(OPEN + data(1, b"x" * 60), 0.0)
    assert parse(end.taken()) == [(f.WINDOW_UPDATE, 0, 1, (60).to_bytes(4, "big"))]
    end.connection.pause(end.streams[1])
    end.connection.receive(data(1, b"x" * 90), 0.0)
    assert end.taken() == b""
    end.connection.resume(end.streams[1])
    assert parse(end.taken()) == [(f.WINDOW_UPDATE, 0, 1, (90).to_bytes(4, "big"))]
    end.connection.receive(data(1, b"x" * 101), 0.0)
    assert errors(end.out) == [("reset", 1, f.FLOW_CONTROL_ERROR)]


def test_continuation_flood_and_header_bomb() -> None:
    end = server()
    more = b"".join(f.frame(f.CONTINUATION, 0, 1, b"\x82") for _ in range(CONTINUATIONS_MAX + 1))
    end.connection.receive(f.frame(f.HEADERS, 1, 1, encode(GET)) + more, 0.0)
    assert errors(end.out) == [("goaway", 0, f.ENHANCE_YOUR_CALM)]
    end = server()
    big = b"".join(f.frame(f.CONTINUATION, 0, 1, b"x" * 16384) for _ in range(4))
    end.connection.receive(f.frame(f.HEADERS, 1, 1, encode(GET)) + big, 0.0)
    assert errors(end.out) == [("goaway", 0, f.ENHANCE_YOUR_CALM)]


def test_rapid_reset_by_the_client_and_made_by_us() -> None:
    for bad in (lambda n: f.rst_stream(n, f.CANCEL), lambda n: f.window_update(n, 0)):
        end = server()
        for at in range(600):
            end.connection.receive(headers(2 * at + 1, GET) + bad(2 * at + 1), at / 1e6)
        assert end.connection.failed == f.ENHANCE_YOUR_CALM
        assert end.connection.floods.streams == 500


@pytest.mark.parametrize("flood", [f.frame(f.PING, 0, 0, bytes(8)), settings_frame({})])
def test_floods_of_what_must_be_answered(flood: bytes) -> None:
    end = server(written=False)
    end.connection.receive(flood * 1100, 0.0)
    assert end.connection.failed == f.ENHANCE_YOUR_CALM
    assert len(end.out) < 20_000


def conversation() -> bytes:
    return (
        f.PREFACE
        + settings_frame({4: 70000})
        + headers(1, POST, end=False)
        + data(1, b"hello")
        + f.header_frames(3, encode([*GET, (b"x-long", b"v" * 50)]), end=True, bytes_max=20)
        + data(1, b" world")
        + headers(1, TRAILERS)
        + f.frame(f.PING, 0, 0, b"12345678")
    )


@given(st.lists(st.integers(0, len(conversation())), max_size=12))
def test_split_anywhere(cuts: list[int]) -> None:
    whole, wire = End(), conversation()
    whole.connection.receive(wire, 0.0)
    assert not whole.connection.failed
    split, at = End(), 0
    for cut in (*sorted(cuts), len(wire)):
        split.connection.receive(wire[at:cut], 0.0)
        at = cut
    assert (split.log, split.out) == (whole.log, whole.out)


@given(st.integers(24, len(conversation()) - 1), st.integers(0, 255))
def test_a_changed_byte_breaks_nothing_but_the_connection(place: int, value: int) -> None:
    wire = bytearray(conversation())
    wire[place] = value
    end = End()
    for at in range(len(wire)):
        if not end.connection.failed:
            end.connection.receive(bytes(wire[at : at + 1]), 0.0)
    assert len(errors(end.out)) <= 4


def test_h2_as_client() -> None:
    h2 = pytest.importorskip("h2.connection")
    peer, end = h2.H2Connection(), server()
    end = End()
    end.connection.start()
    peer.initiate_connection()
    for stream in (1, 3, 5):
        peer.send_headers(stream, [*POST, (b"x-n", b"%d" % stream)])
        peer.send_data(stream, b"body", end_stream=True)
    end.connection.receive(peer.data_to_send(), 0.0)
    assert [entry[1] for entry in end.log if entry[0] == "data"] == [1, 3, 5]
    for stream in list(end.streams.values()):
        end.connection.send_head(stream, encode([(b":status", b"200")]), False)
        end.connection.send_data(stream, b"x" * 40_000, False)
        end.connection.send_trailers(stream, encode(TRAILERS))
    got = {1: b"", 3: b"", 5: b""}
    ended = set()
    while end.out:
        for event in peer.receive_data(end.taken()):
            name = type(event).__name__
            if name == "DataReceived":
                got[event.stream_id] += event.data
                peer.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif name == "StreamEnded":
                ended.add(event.stream_id)
        end.connection.receive(peer.data_to_send(), 0.0)
    assert {key: len(value) for key, value in got.items()} == {1: 40_000, 3: 40_000, 5: 40_000}
    assert ended == {1, 3, 5}
    assert not end.connection.streams


def test_h2_as_server() -> None:
    h2, config = pytest.importorskip("h2.connection"), pytest.importorskip("h2.config")
    peer = h2.H2Connection(config.H2Configuration(client_side=False))
    end = End(client=True)
    end.connection.start()
    peer.initiate_connection()
    peer.receive_data(end.taken())
    end.connection.receive(peer.data_to_send(), 0.0)
    stream = end.connection.open(0.0)
    end.connection.send_head(stream, encode(POST), False)
    end.connection.send_data(stream, b"hello", True)
    kinds = [type(event).__name__ for event in peer.receive_data(end.taken())]
    assert kinds[-3:] == ["RequestReceived", "DataReceived", "StreamEnded"]
    peer.send_headers(1, [(b":status", b"200")])
    peer.send_data(1, b"answer")
    peer.send_headers(1, TRAILERS, end_stream=True)
    end.connection.receive(peer.data_to_send(), 0.0)
    assert end.log[-3:] == [
        ("head", 1, {b":status": b"200"}, False),
        ("data", 1, b"answer", False),
        ("trailers", 1, dict(TRAILERS)),
    ]
    peer.close_connection(last_stream_id=1)
    end.connection.receive(peer.data_to_send(), 0.0)
    assert end.log[-1] == ("goaway", 1, 0)


def test_a_server_may_neither_push_nor_open() -> None:
    for wire in (f.frame(f.PUSH_PROMISE, 4, 1, bytes(4)), headers(2, [(b":status", b"200")])):
        end = End(client=True)
        end.connection.receive(settings_frame({}) + wire, 0.0)
        assert errors(end.out) == [("goaway", 0, f.PROTOCOL_ERROR)]
