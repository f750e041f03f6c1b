"""Ages and the other small words."""

from __future__ import annotations

import pytest

from orchestrator.api.tables import column


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (12_000, "3h20m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (180_000, "2d2h"),
        (691_200, "8d"),
        (63_072_000, "2y"),
        (70_000_000, "2y80d"),
        (300_000_000, "9y"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert column.duration(seconds) == text


def test_words() -> None:
    assert column.since("1970-01-01T00:00:10Z", 70.0) == "60s"
    assert column.since("1970-01-01T00:00:10.5Z", 70.0) == "59s"
    assert column.since("never", 0.0) == column.since(None, 0.0) == "<unknown>"
    assert column.pairs({"b": 1, "a": 2}) == "a=2,b=1"
    assert column.pairs(None) == column.joined([]) == "<none>"
    obj = {"spec": {"hosts": ["a"], "host": "h"}}
    assert column.json_path_value(obj, ".spec.hosts") == '["a"]'
    assert column.json_path_value(obj, ".spec.host") == "h"
    assert column.json_path_value(obj, ".spec.host.more") is None
