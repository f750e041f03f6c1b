"""The admin pages on a real engine: formats, methods, and who may ask."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import AsyncIterator

import pytest

from sidecar.control.admin import Admin, Proxy
from sidecar.control.http_server import Request, Response
from sidecar.control.identity import Certificate, MemoryFile
from sidecar.control.node import Node
from sidecar.engine import Engine
from sidecar.net.secrets import SecretStore
from sidecar.telemetry.record import NullSink
from sidecar.telemetry.stats import Stats


class Page:
    def __init__(self, proxy: Proxy, calls: list[str]) -> None:
        self.proxy = proxy
        self.calls = calls
        self.admin = Admin(proxy, local_only=True)

    def __call__(self, path: str, method: str = "GET", *, host: str = "localhost:15000", **query: str) -> Response:
        return self.admin.handle(Request(method, path, query, host))


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    stats = Stats()
    stats.counter("cluster.b.upstream_rq_200").value = 7
    stats.counter("cluster.b.upstream_rq_timeout")
    engine = Engine(node=Node(), stats=stats, records=NullSink(), secrets=SecretStore(), rng=random.Random(1))
    calls: list[str] = []
    proxy = Proxy(
        engine=engine,
        stats=stats,
        node={"id": "n"},
        bootstrap={},
        state=lambda: "LIVE",
        drain=lambda: calls.append("drain"),
        quit=lambda: calls.append("quit"),
    )
    yield Page(proxy, calls)
    await engine.close()


def test_reading(page: Page) -> None:
    assert page("/ready").body == b"LIVE\n"
    assert "cluster.b.upstream_rq_timeout: 0\n" in page("/stats").body.decode()
    assert page("/stats", usedonly="", filter="b.up").body == b"cluster.b.upstream_rq_200: 7\n"
    assert page("/stats", filter="(").status == 400
    assert page("/stats", format="xml").status == 400
    assert json.loads(page("/stats", format="json").body)["stats"][0]["value"] == 7
    assert b'envoy_response_code="200"' in page("/stats/prometheus").body
    assert b'envoy_response_code="200"' in page("/stats", format="prometheus").body
    info = json.loads(page("/server_info").body)
    assert (info["state"], info["node"]) == ("LIVE", {"id": "n"})
    assert int(json.loads(page("/memory").body)["total_physical_bytes"]) > 1 << 20
    assert json.loads(page("/clusters", format="json").body) == {"cluster_statuses": []}
    assert page("/listeners").body == b""
    assert len(json.loads(page("/config_dump").body)["configs"]) == 5
    assert page("/config_dump", name_regex="(").status == 400
    assert json.loads(page("/certs").body) == {"certificates": []}
    assert b"/quitquitquit (POST)" in page("/help").body
    assert page("/nothing").status == 404


def test_not_live(page: Page) -> None:
    page.proxy.state = lambda: "DRAINING"
    assert (page("/ready").status, page("/ready").body) == (503, b"DRAINING\n")


def test_certs(page: Page) -> None:
    certificate = Certificate(b"", b"", MemoryFile("k"), "AB", "spiffe://td/ns/a/sa/b", 0.0, 4_102_444_800.0)
    page.proxy.certificate = lambda: certificate
    [entry] = json.loads(page("/certs").body)["certificates"][0]["cert_chain"]
    assert entry["subject_alt_names"] == [{"uri": "spiffe://td/ns/a/sa/b"}]
    assert entry["expiration_time"] == "2100-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "path", ["/quitquitquit", "/drain_listeners", "/healthcheck/fail", "/healthcheck/ok", "/reset_counters", "/logging"]
)
def test_change_wants_post(page: Page, path: str) -> None:
    assert page(path).status == 405
    assert page(path, "POST").status == 200


def test_changes(page: Page) -> None:
    page("/healthcheck/fail", "POST")
    assert not page.proxy.healthy
    assert (page("/ready").status, page("/ready").body) == (503, b"DRAINING\n")
    assert json.loads(page("/server_info").body)["state"] == "DRAINING"
    page("/healthcheck/ok", "POST")
    assert page.proxy.healthy
    assert page("/ready").status == 200
    page("/drain_listeners", "POST")
    page("/quitquitquit", "POST")
    assert page.calls == ["drain", "quit"]
    page("/reset_counters", "POST")
    assert page.proxy.stats.counter("cluster.b.upstream_rq_200").value == 0


def test_logging(page: Page) -> None:
    before = logging.getLogger().level
    try:
        assert b"sidecar: error" in page("/logging", "POST", level="error").body
        assert page("/logging", "POST", level="loud").status == 400
    finally:
        logging.getLogger().setLevel(before)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:9", 200),
        ("[::1]:9", 200),
        ("", 200),
        ("evil.example", 403),
        ("127.0.0.1.x", 403),
    ],
)
def test_only_loopback_names(page: Page, host: str, status: int) -> None:
    assert page("/ready", host=host).status == status
    assert Admin(page.proxy, local_only=False).handle(Request("GET", "/ready", {}, host)).status == 200
