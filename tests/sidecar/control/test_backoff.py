"""Pauses double up to the cap, with jitter, and start again after a success."""

from __future__ import annotations

import random

from sidecar.control.backoff import Backoff


def test_backoff() -> None:
    backoff = Backoff(random.Random(1), first_s=0.1, max_s=1.0)
    pauses = [backoff.failed() for _ in range(40)]
    for index, pause in enumerate(pauses):
        step = min(1.0, 0.1 * 2**index)
        assert step / 2 <= pause <= step
    assert len(set(pauses)) > 30
    backoff.succeeded()
    assert backoff.failed() <= 0.1
