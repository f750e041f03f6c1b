"""Attempts: who is retried, where, how often, and that every counter comes back to zero."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.sidecar.engines import Echo, answer, backend, call, cluster, hcm, route, running

pytestmark = pytest.mark.integration
PREVIOUS_HOSTS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
BUSY = answer(b"busy", b"503 Service Unavailable")


def retrying(**policy: Any) -> dict[str, Any]:
    return hcm(route("/", cluster="b", retry_policy={"retry_back_off": {"base_interval": "0.001s"}, **policy}))


async def test_another_host_is_tried_after_a_refused_connection() -> None:
    policy = {
        "retry_on": "connect-failure",
        "num_retries": 3,
        "retry_host_predicate": [{"name": "p", "typed_config": {"@type": PREVIOUS_HOSTS}}],
    }
    async with backend(Echo()) as port, running(retrying(**policy), cluster("b", 1, port)) as proxy:
        for _ in range(10):
            assert (await call(proxy.port()))[0] == 200


@pytest.mark.parametrize(
    ("policy", "tries", "status"),
    [
        ({"retry_on": "5xx", "num_retries": 2}, 3, 200),
        ({"retry_on": "5xx", "num_retries": 1}, 2, 503),
        ({"retry_on": "gateway-error", "num_retries": 2}, 3, 200),
        ({"retry_on": "connect-failure", "num_retries": 2}, 1, 503),
        ({"retry_on": "retriable-status-codes", "retriable_status_codes": [503], "num_retries": 2}, 3, 200),
        ({"retry_on": "retriable-status-codes", "retriable_status_codes": [500], "num_retries": 2}, 1, 503),
    ],
)
async def test_policies(policy: dict[str, Any], tries: int, status: int) -> None:
    echo = Echo(BUSY, BUSY, answer(b"ok"))
    async with backend(echo) as port, running(retrying(**policy), cluster("b", port)) as proxy:
        assert (await call(proxy.port()))[0] == status
        assert len(echo.heads) == tries
        assert proxy.value("cluster.b.upstream_rq_active") == 0
        limits = proxy.engine._clusters.active["b"].limits
        assert (limits.requests.count, limits.retries.count, limits.pending.count) == (0, 0, 0)


async def test_retries_at_once_are_bounded() -> None:
    echo = Echo(*[BUSY] * 50)
    many = cluster("b", 0, circuit_breakers={"thresholds": [{"max_retries": 0}]})
    async with backend(echo) as port:
        many["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"][
            "port_value"
        ] = port
        async with running(retrying(retry_on="5xx", num_retries=5), many) as proxy:
            assert (await call(proxy.port()))[0] == 503
            assert len(echo.heads) == 1
            assert proxy.value("cluster.b.upstream_rq_retry_overflow") == 1


async def test_the_route_timeout_covers_all_attempts() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await reader.read()

    policy = {"retry_on": "5xx", "num_retries": 50, "per_try_timeout": "0.05s"}
    front = hcm(route("/", cluster="b", timeout="0.2s", retry_policy=policy))
    async with backend(silent) as port, running(front, cluster("b", port)) as proxy:
        assert (await call(proxy.port()))[0] == 504
        record = await proxy.records.last()
        assert record.details in {"response_timeout"}
        assert 1 < record.attempts < 50
        assert proxy.value("cluster.b.upstream_rq_active") == 0


async def test_attempt_count_headers() -> None:
    echo = Echo(BUSY, answer(b"ok"))
    front = hcm(
        route("/", cluster="b", retry_policy={"retry_on": "5xx"}),
        virtual_host={"include_request_attempt_count": True, "include_attempt_count_in_response": True},
    )
    async with backend(echo) as port, running(front, cluster("b", port)) as proxy:
        _, head, _ = await call(proxy.port())
    assert [b"x-envoy-attempt-count: %d" % n in echo.heads[n - 1] for n in (1, 2)] == [True, True]
    assert b"x-envoy-attempt-count: 2" in head
