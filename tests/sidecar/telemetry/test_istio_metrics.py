"""The labels of both sides of a hop, derived services, and the bound on series."""

from __future__ import annotations

import pytest

from sidecar.telemetry import istio_metrics as module
from sidecar.telemetry.istio_metrics import IstioMetrics, destination_of
from sidecar.telemetry.record import ExchangeRecord, Peer
from sidecar.telemetry.stats import Histogram, Stats

LOCAL = Peer("productpage-v1", "default", "productpage", "v1", "Kubernetes", "productpage", "v1")
REMOTE = Peer("reviews-v2", "default", "reviews", "v2", "Kubernetes", "reviews", "v2")
CLUSTER = "outbound|9080|v2|reviews.default.svc.cluster.local"


def labels(stats: Stats, name: str) -> dict[str, str]:
    [metric] = [metric for metric in stats if metric.name == name]
    return dict(metric.tags)


def test_source_side() -> None:
    stats = Stats()
    metrics = IstioMetrics(stats, LOCAL)
    record = ExchangeRecord(
        reporter="source",
        cluster=CLUSTER,
        response_code=200,
        upstream_peer=REMOTE,
        duration_s=0.02,
        upstream_peer_uri="spiffe://cluster.local/ns/default/sa/bookinfo-reviews",
    )
    metrics.finished(record)
    metrics.finished(record)
    found = labels(stats, "istio_requests_total")
    assert found["reporter"] == "source"
    assert (found["source_workload"], found["destination_workload"]) == ("productpage-v1", "reviews-v2")
    assert found["destination_service"] == "reviews.default.svc.cluster.local"
    assert (found["destination_service_name"], found["destination_service_namespace"]) == ("reviews", "default")
    assert found["destination_principal"] == "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"
    assert (found["response_code"], found["response_flags"], found["request_protocol"]) == ("200", "-", "http")
    assert found["connection_security_policy"] == "unknown"
    [requests] = [metric for metric in stats if metric.name == "istio_requests_total"]
    assert not isinstance(requests, Histogram)
    assert requests.value == 2
    [duration] = [metric for metric in stats if metric.name == "istio_request_duration_milliseconds"]
    assert isinstance(duration, Histogram)
    assert (duration.count, duration.sum) == (2, 40)


@pytest.mark.parametrize(("uri", "policy"), [("spiffe://td/ns/a/sa/b", "mutual_tls"), ("", "none")])
def test_destination_side(uri: str, policy: str) -> None:
    stats = Stats()
    IstioMetrics(stats, REMOTE).finished(
        ExchangeRecord(reporter="destination", cluster="inbound|9080||", downstream_peer=LOCAL, downstream_peer_uri=uri)
    )
    found = labels(stats, "istio_requests_total")
    assert (found["source_app"], found["destination_app"]) == ("productpage", "reviews")
    assert found["connection_security_policy"] == policy
    assert found["destination_service"] == "reviews.default.svc.cluster.local"


def test_tcp() -> None:
    stats = Stats()
    metrics = IstioMetrics(stats, LOCAL)
    record = ExchangeRecord(is_http=False, reporter="source", cluster="outbound|6379||redis.db.svc.cluster.local")
    metrics.opened(record)
    record.bytes_received, record.bytes_sent = 10, 20
    metrics.finished(record)
    values = {metric.name: metric.value for metric in stats if not isinstance(metric, Histogram)}
    assert values == {
        "istio_tcp_connections_opened_total": 1,
        "istio_tcp_connections_closed_total": 1,
        "istio_tcp_received_bytes_total": 10,
        "istio_tcp_sent_bytes_total": 20,
    }


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ("outbound|80||api.example.com", ("api.example.com", "api.example.com", "unknown")),
        ("PassthroughCluster", ("PassthroughCluster", "PassthroughCluster", "unknown")),
        ("", ("unknown", "unknown", "unknown")),
    ],
)
def test_destination_of(cluster: str, expected: tuple[str, str, str]) -> None:
    assert destination_of(ExchangeRecord(cluster=cluster), Peer()) == expected


def test_series_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SERIES_MAX", 5)
    stats = Stats()
    metrics = IstioMetrics(stats, LOCAL)
    for index in range(50):
        metrics.finished(ExchangeRecord(reporter="destination", downstream_peer=Peer(workload=f"w{index}")))
    series = [metric for metric in stats if metric.name == "istio_requests_total"]
    assert len(series) == 6
    assert sum(metric.value for metric in series if not isinstance(metric, Histogram)) == 50


def test_without_the_filter_nothing_is_counted() -> None:
    stats = Stats()
    IstioMetrics(stats, LOCAL).finished(ExchangeRecord(reporter=""))
    assert list(stats) == []
