"""Counters by Envoy's names."""

from __future__ import annotations

from sidecar.exchange.manager_stats import ManagerStats
from sidecar.telemetry.stats import Stats


def test_names() -> None:
    stats = Stats()
    manager = ManagerStats(stats, "ingress")
    manager.classes[4].value += 1
    manager.rq_total.value += 1
    assert stats.counter("http.ingress.downstream_rq_5xx").value == 1
    assert stats.counter("http.ingress.downstream_rq_total").value == 1
