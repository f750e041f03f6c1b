"""The body is what an OTLP/HTTP JSON receiver reads."""

from __future__ import annotations

import json

from sidecar.telemetry.record import ExchangeRecord, Peer
from sidecar.telemetry.spans import SpanSource, batch

SOURCE = SpanSource(
    "sidecar~10.244.0.4~productpage-1.default~default.svc.cluster.local",
    Peer("productpage-v1", "default", "productpage", "v1", "Kubernetes"),
    "mesh",
)


def test_batch() -> None:
    record = ExchangeRecord(
        started_at_s=1_700_000_000.5,
        duration_s=0.25,
        reporter="source",
        method=b"GET",
        path=b"/reviews/0",
        authority=b"reviews:9080",
        response_code=503,
        flags="UF",
        cluster="outbound|9080||reviews.default.svc.cluster.local",
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        parent_span_id="00f067aa0ba902b7",
        trace_sampled=True,
        trace_tags={"team": "books"},
        metadata={"istio": {"config": "/apis/x"}},
    )
    body = json.loads(batch([record, ExchangeRecord(trace_id="1" * 32, span_id="2" * 16)], SOURCE))
    [resource] = body["resourceSpans"]
    values = {a["key"]: a["value"]["stringValue"] for a in resource["resource"]["attributes"]}
    assert values["service.name"] == "productpage.default"
    assert values["k8s.pod.name"] == "productpage-1"
    span, other = resource["scopeSpans"][0]["spans"]
    assert span["traceId"] == "0af7651916cd43dd8448eb211c80319c"
    assert span["parentSpanId"] == "00f067aa0ba902b7"
    assert (span["kind"], other["kind"]) == (3, 2)
    assert span["startTimeUnixNano"] == "1700000000500000000"
    assert span["endTimeUnixNano"] == "1700000000750000000"
    assert span["status"] == {"code": 2}
    tags = {a["key"]: a["value"]["stringValue"] for a in span["attributes"]}
    assert tags["component"] == "proxy"
    assert tags["http.url"] == "http://reviews:9080/reviews/0"
    assert tags["upstream_cluster"] == "outbound|9080||reviews.default.svc.cluster.local"
    assert tags["response_flags"] == "UF"
    assert tags["istio.canonical_service"] == "productpage"
    assert tags["team"] == "books"
    assert tags["istio.config"] == "/apis/x"
    assert "parentSpanId" not in other
