"""Each flood: the last that is allowed, and the first that is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sidecar.protocol.http2_floods import Floods


def with_streams(streams: int) -> Floods:
    floods = Floods()
    floods.streams = streams
    return floods


@pytest.mark.parametrize(
    ("allowed", "count", "streams"),
    [
        (1, lambda floods: floods.received(empty=True), 0),
        (200, lambda floods: floods.priority(), 1),
        (9, lambda floods: floods.window_update(), 2),
        (1000, lambda floods: floods.sent(control=True, queue_empty=False), 0),
        (10_000, lambda floods: floods.sent(control=False, queue_empty=False), 0),
        (250, lambda floods: floods.reset(0.1), 500),
    ],
    ids=["empty", "priority", "window-update", "control", "frames", "rapid-reset"],
)
def test_limits(allowed: int, count: Callable[[Floods], bool], streams: int) -> None:
    floods = with_streams(streams)
    assert not any(count(floods) for _ in range(allowed))
    assert count(floods)


def test_what_is_not_a_flood() -> None:
    floods = with_streams(499)
    assert not any(floods.reset(0.1) for _ in range(499))  # too few streams to judge
    assert not any(with_streams(500).reset(1.5) for _ in range(500))
    assert not any(floods.sent(control=True, queue_empty=True) for _ in range(5000))
    assert not any(floods.received(empty=at % 2 == 0) for at in range(100))
    for _ in range(10):
        floods.data_sent()
    assert not any(floods.window_update() for _ in range(1203))
