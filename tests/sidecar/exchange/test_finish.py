"""The record of a finished request, field by field, from a real one."""

from __future__ import annotations

import pytest

from tests.sidecar.engines import Echo, answer, backend, call, cluster, hcm, route, running

pytestmark = pytest.mark.integration


async def test_record() -> None:
    rewriting = route("/old", cluster="b", prefix_rewrite="/new")
    rewriting["name"] = "named"
    rewriting["metadata"] = {"filter_metadata": {"istio": {"config": "x"}}}
    rewriting["decorator"] = {"operation": "op"}
    raw = answer(b"body", extra=b"grpc-status: 12\r\n")
    front = hcm(rewriting, tracing={"random_sampling": {"value": 100}}, stat_prefix="pre")
    async with backend(Echo(raw)) as port, running(front, cluster("b", port), traffic_direction="OUTBOUND") as proxy:
        await call(proxy.port(), "/old/x?q=1", method="POST", body=b"12345", headers="x-request-id: rid\r\n")
        record = await proxy.records.last()
    assert (record.method, record.path, record.original_path) == (b"POST", b"/new/x?q=1", b"/old/x?q=1")
    assert (record.authority, record.protocol, record.request_id) == (b"a.test", "HTTP/1.1", b"rid")
    assert (record.bytes_received, record.bytes_sent, record.attempts) == (5, 4, 1)
    assert (record.response_code, record.grpc_status) == (200, 12)
    assert (record.route_name, record.virtual_host, record.metadata) == ("named", "all", {"istio": {"config": "x"}})
    assert (record.listener, record.stat_prefix) == ("front", "pre")
    assert 0 <= record.request_received_s <= record.response_started_s <= record.duration_s
    assert record.started_at_s > 1e9
    assert record.downstream_remote.startswith("127.0.0.1:")
    assert record.upstream_local.startswith("127.0.0.1:")
    assert len(record.trace_id) == 32
    assert record.span_id == ""  # no provider: context is passed on, no span is kept
    assert record.trace_operation == "op"
    assert record.reporter == ""
