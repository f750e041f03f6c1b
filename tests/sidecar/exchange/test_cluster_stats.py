"""Counters by Envoy's names."""

from __future__ import annotations

from sidecar.balancing.hosts import Health, Host
from sidecar.balancing.limits import Limits
from sidecar.exchange.cluster_stats import ClusterStats, host_levels, limit_levels
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


def test_what_counted_is_kept_and_the_rest_is_made() -> None:
    stats = Stats()
    cluster = ClusterStats(stats, "c")
    cluster.count("lb_healthy_panic", 2)
    shown = {metric.name for metric in cluster.shown({"lb_subsets_active": 4})}
    assert {"cluster.c.lb_subsets_active", "cluster.c.lb_healthy_panic", "cluster.c.membership_change"} <= shown
    assert stats.counter("cluster.c.lb_healthy_panic").value == 2


def test_levels() -> None:
    hosts = [Host("a", weight=3), Host("b", given=Health.DEGRADED)]
    hosts[1].excluded = True
    found = host_levels(hosts, weights=True)
    assert found == {"membership_degraded": 1, "membership_excluded": 1, "max_host_weight": 3}
    assert host_levels(hosts, weights=False)["max_host_weight"] == 0


def test_breakers() -> None:
    limits = Limits(max_requests=2, max_retries=0, track_remaining=True)
    limits.requests.take()
    found = limit_levels("high", limits)
    assert found["circuit_breakers.high.remaining_rq"] == 1
    assert (found["circuit_breakers.high.rq_open"], found["circuit_breakers.high.rq_retry_open"]) == (0, 1)
    assert "circuit_breakers.high.remaining_rq" not in limit_levels("high", Limits())
