"""Our Prometheus names are Envoy's: checked against Envoy 1.40's own output, and parsed by the real client library."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sidecar.telemetry.render import extract, prometheus, stats_json, stats_text
from sidecar.telemetry.stats import Stats

ENVOY = Path(__file__).resolve().parents[4] / "shared" / "reference" / "envoy"

OUTBOUND = "outbound|9080|v1|reviews.default.svc.cluster.local"
NAMES = [
    ("cluster.b.upstream_rq_2xx", "cluster_upstream_rq_xx", {"response_code_class": "2", "cluster_name": "b"}),
    (
        "cluster.b.external.upstream_rq_503",
        "cluster_external_upstream_rq",
        {"response_code": "503", "cluster_name": "b"},
    ),
    (f"cluster.{OUTBOUND}.upstream_cx_active", "cluster_upstream_cx_active", {"cluster_name": OUTBOUND}),
    ("cluster.b.circuit_breakers.high.cx_open", "cluster_circuit_breakers_high_cx_open", {"cluster_name": "b"}),
    (
        "http.outbound_0.0.0.0_9080.downstream_rq_5xx",
        "http_downstream_rq_xx",
        {"response_code_class": "5", "http_conn_manager_prefix": "outbound_0.0.0.0_9080"},
    ),
    ("http.mesh.no_route", "http_no_route", {"http_conn_manager_prefix": "mesh"}),
    (
        "listener.127.0.0.1_18101.http.mesh.downstream_rq_1xx",
        "listener_http_downstream_rq_xx",
        {"response_code_class": "1", "listener_address": "127.0.0.1_18101", "http_conn_manager_prefix": "mesh"},
    ),
    ("listener_manager.listener_added", "listener_manager_listener_added", {}),
    ("server.live", "server_live", {}),
    ("tcp.outbound.downstream_cx_total", "tcp_downstream_cx_total", {"tcp_prefix": "outbound"}),
]


@pytest.mark.parametrize(("name", "family", "labels"), NAMES)
def test_extract(name: str, family: str, labels: dict[str, str]) -> None:
    found, tags = extract(name)
    assert found == f"envoy_{family}"
    assert dict(tags) == {f"envoy_{key}": value for key, value in labels.items()}


@pytest.mark.skipif(not ENVOY.exists(), reason="Envoy's recorded output is not here")
def test_every_name_of_envoy_becomes_envoys_series() -> None:
    """Each dotted name Envoy 1.40 prints is a series of its Prometheus page with the same labels."""
    series = set()
    for line in (ENVOY / "envoy-stats_prometheus.txt").read_text().splitlines():
        if found := re.fullmatch(r"(\w+)\{(.*)\} \S+", line):
            labels = frozenset(re.findall(r'(\w+)="([^"]*)"', found[2]))
            series.add((found[1], frozenset(label for label in labels if label[0] != "le")))
    missing = []
    for line in (ENVOY / "envoy-stats.txt").read_text().splitlines():
        name, _, value = line.partition(": ")
        if "P0(" in value or "No recorded" in value or not re.match(r"(cluster|http|listener)\.", name):
            continue
        family, tags = extract(name)
        if (family, frozenset(tags)) not in series:
            missing.append((name, family, tags))
    assert missing == []


def sample() -> Stats:
    stats = Stats()
    stats.counter("cluster.b.upstream_rq_200").value = 7
    stats.gauge("cluster.b.upstream_cx_active").value = 2
    stats.counter("cluster.b.upstream_rq_timeout")
    times = stats.histogram("cluster.b.upstream_rq_time")
    for value in (0.2, 0.7, 3, 4_000_000):
        times.record(value)
    stats.counter("istio_requests_total", (("reporter", "source"), ("source_app", 'we"ird\\'))).value = 3
    return stats


def test_prometheus_is_parsed_by_its_client() -> None:
    families = {family.name: family for family in text_string_to_metric_families(prometheus(sample()))}
    histogram = families["envoy_cluster_upstream_rq_time"]
    assert histogram.type == "histogram"
    buckets = {s.labels["le"]: s.value for s in histogram.samples if s.name.endswith("_bucket")}
    assert (buckets["0.5"], buckets["1"], buckets["5"], buckets["+Inf"]) == (1, 2, 3, 4)
    requests = families["istio_requests"].samples[0]
    assert requests.labels == {"reporter": "source", "source_app": 'we"ird\\'}
    assert requests.value == 3


def test_text() -> None:
    text = stats_text(sample())
    assert "cluster.b.upstream_rq_200: 7\n" in text
    assert "cluster.b.upstream_rq_timeout: 0\n" in text
    assert text.splitlines()[-1].startswith("cluster.b.upstream_rq_time: P0(nan,0)")


def test_used_only_and_filter() -> None:
    assert "timeout" not in stats_text(sample(), used_only=True)
    assert stats_text(sample(), pattern=re.compile("cx_act")) == "cluster.b.upstream_cx_active: 2\n"


def test_json() -> None:
    assert '{"name":"cluster.b.upstream_rq_200","value":7}' in stats_json(sample())
