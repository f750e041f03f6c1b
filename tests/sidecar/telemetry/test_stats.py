"""Metrics are found once and are integers; memory has a bound."""

from __future__ import annotations

import pytest

from sidecar.telemetry import stats as module
from sidecar.telemetry.stats import Stats


def test_same_name_same_object() -> None:
    stats = Stats()
    assert stats.counter("a") is stats.counter("a")
    assert stats.counter("a", (("k", "1"),)) is not stats.counter("a", (("k", "2"),))


@pytest.mark.parametrize(("value", "bucket"), [(0, 0), (0.5, 0), (0.51, 1), (1, 1), (3_600_000, 18), (3_600_001, 19)])
def test_bucket_bounds_are_inclusive(value: float, bucket: int) -> None:
    histogram = Stats().histogram("h")
    histogram.record(value)
    assert histogram.counts[bucket] == 1
    assert histogram.count == 1


def test_quantiles() -> None:
    histogram = Stats().histogram("h")
    assert histogram.quantile(0.5) == 0
    for _ in range(100):
        histogram.record(8)
    assert 5 < histogram.quantile(0.5) < 10
    assert histogram.quantile(1) == 10


def test_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "METRICS_MAX", 3)
    stats = Stats()
    for index in range(10):
        stats.counter(f"c{index}").value += 1
        stats.gauge(f"g{index}").value += 1
        stats.histogram(f"h{index}").record(1)
    assert len(list(stats)) == 3


def test_provided_metrics_are_shown_and_not_kept() -> None:
    stats = Stats()
    stats.counter("kept").value = 3
    stats.provide(lambda: [module.Counter("kept", ()), module.Gauge("made", ())])
    assert [(one.name, one.value) for one in stats if not isinstance(one, module.Histogram)] == [
        ("kept", 3),
        ("made", 0),
    ]
    stats.remove("made")
    assert len(list(stats)) == 2


def test_collect_remove_reset() -> None:
    stats = Stats()
    gauge = stats.gauge("server.live")
    stats.collect(lambda: setattr(gauge, "value", 1))
    stats.counter("cluster.a.x").value = 4
    assert [(metric.name, metric.value) for metric in stats if not isinstance(metric, module.Histogram)] == [
        ("cluster.a.x", 4),
        ("server.live", 1),
    ]
    stats.reset_counters()
    assert stats.counter("cluster.a.x").value == 0
    stats.remove("cluster.a.")
    assert [metric.name for metric in stats] == ["server.live"]
