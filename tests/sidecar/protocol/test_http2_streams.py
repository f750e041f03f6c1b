"""Stream states, and which of the gone ones are remembered."""

from __future__ import annotations

import pytest

from sidecar.protocol.http2_streams import (
    CLOSED,
    ENDED,
    GONE_REMEMBERED_MAX,
    HALF_CLOSED_LOCAL,
    HALF_CLOSED_REMOTE,
    NEXT,
    OPEN,
    RECEIVE_END,
    RESET,
    SEND_END,
    Gone,
)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((SEND_END,), HALF_CLOSED_LOCAL),
        ((RECEIVE_END,), HALF_CLOSED_REMOTE),
        ((SEND_END, RECEIVE_END), CLOSED),
        ((RECEIVE_END, SEND_END), CLOSED),
        ((RESET,), CLOSED),
        ((SEND_END, RESET), CLOSED),
        ((RECEIVE_END, RESET, SEND_END), CLOSED),
    ],
)
def test_transitions(events: tuple[int, ...], state: int) -> None:
    at = OPEN
    for event in events:
        at = NEXT[at][event]
    assert at == state


def test_only_the_latest_are_remembered() -> None:
    gone = Gone()
    for identifier in range(1, GONE_REMEMBERED_MAX + 3):
        gone.add(identifier, ENDED)
    assert gone.get(2) is None
    assert gone.get(3) == ENDED
