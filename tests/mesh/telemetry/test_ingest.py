"""Spans over mTLS, in and out again."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Cluster = Any
"""In conftest.py, which cannot be imported."""


async def test_traces_in_and_out(cluster: Cluster) -> None:
    proxy = await cluster.proxy(await cluster.pod("a"))
    await proxy.identify()
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    body = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [span, {"traceId": "x"}]}]}]}
    reply = await proxy.post("/v1/traces", body)
    assert json.loads(reply.body)["partialSuccess"]["rejectedSpans"] == "1"
    for query in ("traces?limit=5", f"traces?trace_id={'ab' * 16}"):
        _, found = await cluster.ask(query)
        assert found["resourceSpans"][0]["scopeSpans"][0]["spans"] == [span]
