"""exportTo as a table."""

from __future__ import annotations

import pytest

from mesh.istio.exports import export_to, visible


@pytest.mark.parametrize(
    ("targets", "namespace", "expected"),
    [
        (None, "other", True),
        (["*"], "other", True),
        (["."], "own", True),
        (["."], "other", False),
        (["other"], "other", True),
        (["~"], "own", False),
    ],
)
def test_visible(targets: list[str] | None, namespace: str, expected: bool) -> None:
    assert visible(export_to(targets), owner="own", namespace=namespace) is expected
