"""Counters by Envoy's names."""

from __future__ import annotations

from sidecar.exchange.cluster_stats import ClusterStats
from sidecar.telemetry.stats import Stats


def test_answers_count_by_code_and_class() -> None:
    stats = Stats()
    cluster = ClusterStats(stats, "c")
    for status in (200, 204, 503):
        cluster.answered(status)
    values = {metric.name: metric.value for metric in stats if metric.kind == "counter"}  # type: ignore[union-attr]
    assert values["cluster.c.upstream_rq_completed"] == 3
    assert values["cluster.c.upstream_rq_2xx"] == 2
    assert values["cluster.c.upstream_rq_204"] == 1
    assert values["cluster.c.upstream_rq_5xx"] == 1
