"""When a burst of changes becomes one compilation."""

from __future__ import annotations

import pytest

from mesh.xds.debounce import Debounce


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ([], None),
        ([10.0], 10.1),
        ([10.0, 10.05], 10.15),
        ([10.0, 10.09, 10.18, 10.27], 10.37),
        ([10.0, 10.9, 10.99], 11.0),  # the bound after the first change
    ],
)
def test_due(changes: list[float], due: float | None) -> None:
    debounce = Debounce(quiet_s=0.1, wait_max_s=1.0)
    for now in changes:
        debounce.changed(now)
    assert debounce.due() == pytest.approx(due)


def test_done_begins_anew() -> None:
    debounce = Debounce(quiet_s=0.1, wait_max_s=1.0)
    debounce.changed(1.0)
    debounce.done()
    assert debounce.due() is None
    debounce.changed(5.0)
    assert debounce.due() == pytest.approx(5.1)
