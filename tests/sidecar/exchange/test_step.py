"""A filter is on or off as its route says, and else as it is configured."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sidecar.exchange.step import Step


@pytest.mark.parametrize(
    ("off", "switches", "expected"),
    [
        (False, {}, True),
        (True, {}, False),
        (False, {"f": False}, False),
        (True, {"f": True}, True),
        (True, {"g": True}, False),
    ],
)
def test_on(off: bool, switches: dict[str, bool], expected: bool) -> None:
    step = Step()
    step.name, step.off = "f", off
    decision: Any = SimpleNamespace(switches=switches)
    assert step.on(decision) is expected
    assert step.on(None) is not off
