"""Health checks of a running proxy: who is let in, who is taken out, who comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.exchange.health_checks import rules_of
from tests.sidecar.engines import WAIT_S, Echo, Running, answer, backend, call, cluster, hcm, route, running

pytestmark = pytest.mark.integration
FRONT = hcm(route("/", cluster="c"))
GOOD, BAD = answer(b"ok"), answer(b"", b"503 Bad")


def checked(**fields: Any) -> dict[str, Any]:
    check = {
        "timeout": "1s",
        "interval": "0.02s",
        "no_traffic_interval": "0.02s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 2,
        "http_health_check": {"path": "/hc"},
        **fields,
    }
    return {"health_checks": [check]}


async def healthy(proxy: Running, count: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while proxy.value("cluster.c.membership_healthy") != count:
            await asyncio.sleep(0.005)


async def test_listeners_wait_for_the_first_round() -> None:
    async with backend(Echo(GOOD)) as good, backend(Echo(BAD)) as bad:
        made = cluster("c", good, bad, common_lb_config={"healthy_panic_threshold": {"value": 0}}, **checked())
        async with running(FRONT, made) as proxy:
            assert proxy.value("cluster.c.membership_healthy") == 1
            assert [(await call(proxy.port()))[0] for _ in range(6)] == [200] * 6
            (status,) = proxy.engine.clusters()
            assert [host.health_flags for host in status.hosts] == ["healthy", "/failed_active_hc"]


async def test_a_host_goes_and_comes_back() -> None:
    echo = Echo(GOOD)
    async with backend(echo) as port:
        made = cluster("c", port, common_lb_config={"healthy_panic_threshold": {"value": 0}}, **checked())
        async with running(FRONT, made) as proxy:
            await healthy(proxy, 1)
            echo.answers = (BAD,)
            await healthy(proxy, 0)
            assert (await call(proxy.port()))[0] == 503
            echo.answers = (GOOD,)
            await healthy(proxy, 1)
            assert (await call(proxy.port()))[0] == 200


async def test_silence_is_a_failure() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with backend(silence) as port, running(FRONT, cluster("c", port, **checked(timeout="0.02s"))) as proxy:
        assert proxy.value("cluster.c.health_check.network_failure") >= 1
        assert proxy.value("cluster.c.membership_healthy") == 0


async def test_an_endpoint_that_is_not_asked_or_asked_elsewhere() -> None:
    echo = Echo(BAD)
    async with backend(echo) as bad, backend(Echo(GOOD)) as good:
        made = cluster("c", bad, bad, **checked())
        (first, second) = made["load_assignment"]["endpoints"][0]["lb_endpoints"]
        first["endpoint"]["health_check_config"] = {"disable_active_health_check": True}
        second["endpoint"]["address"] = {"socket_address": {"address": "127.0.0.2", "port_value": bad}}
        second["endpoint"]["health_check_config"] = {"port_value": good, "hostname": "asked.test"}
        async with running(FRONT, made) as proxy:
            assert proxy.value("cluster.c.membership_healthy") >= 1
            (status,) = proxy.engine.clusters()
            assert status.hosts[0].health_flags == "healthy"
            assert not echo.heads


async def test_ordinary_traffic_can_take_a_host_out() -> None:
    quitting = answer(b"bye", extra=b"x-envoy-immediate-health-check-fail: true\r\n")
    async with backend(Echo(GOOD, quitting, GOOD)) as port:
        slow = checked(interval="60s", no_traffic_interval="60s")
        async with running(FRONT, cluster("c", port, **slow)) as proxy:
            await healthy(proxy, 1)
            assert (await call(proxy.port()))[2] == b"bye"
            assert proxy.value("cluster.c.membership_healthy") == 0
            assert proxy.value("cluster.c.membership_excluded") == 1
            assert proxy.value("cluster.c.health_check.passive_failure") == 1


async def test_a_success_ends_passive_ejection() -> None:
    echo = Echo(GOOD)
    outlier = {"consecutive_5xx": 1, "max_ejection_percent": 100, "base_ejection_time": "60s"}
    async with backend(echo) as port:
        made = cluster("c", port, outlier_detection=outlier, **checked(interval="0.05s"))
        async with running(FRONT, made) as proxy:
            await healthy(proxy, 1)
            host = proxy.engine._clusters.active["c"].hosts.all[0]
            proxy.engine._clusters.active["c"].responded(host, 503)
            assert proxy.value("cluster.c.membership_healthy") == 0
            await healthy(proxy, 1)
            assert proxy.value("cluster.c.outlier_detection.ejections_active") == 0


async def test_the_same_checks_go_on_in_a_new_configuration() -> None:
    echo = Echo(GOOD)
    async with backend(echo) as port:
        slow = checked(interval="60s", no_traffic_interval="60s")
        async with running(FRONT, cluster("c", port, **slow)) as proxy:
            proxy.put(clusters=(cluster("c", port, connect_timeout="2s", **slow),))
            assert proxy.engine._clusters.active["c"].config.connect_timeout == 2
            assert proxy.value("cluster.c.membership_healthy") == 1
            # Other checks: the old cluster serves until the new one knows who is well.
            proxy.put(clusters=(cluster("c", port, **checked(interval="59s", no_traffic_interval="60s")),))
            assert proxy.engine._clusters.active["c"].config.connect_timeout == 2
            async with asyncio.timeout(WAIT_S):
                while proxy.engine._clusters.active["c"].config.connect_timeout == 2:
                    await asyncio.sleep(0.005)
            assert proxy.value("cluster.c.membership_healthy") == 1


async def test_intervals_have_envoys_defaults() -> None:
    async with running(FRONT, cluster("c", 1, **checked(unhealthy_interval="7s"))) as proxy:
        (check,) = proxy.engine._clusters.active["c"].config.health_checks
        rules = rules_of(check)
        assert (rules.unhealthy_edge_s, rules.healthy_edge_s, rules.no_traffic_healthy_s) == (7.0, 0.02, 0.02)
