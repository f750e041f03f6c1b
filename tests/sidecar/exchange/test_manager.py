"""What one connection manager adds to every answer, by its configuration."""

from __future__ import annotations

import re

import pytest

from tests.sidecar.engines import Echo, answer, backend, call, cluster, hcm, route, running

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("config", "server"),
    [
        ({}, b"envoy"),
        ({"server_name": "istio-envoy"}, b"istio-envoy"),
        ({"server_header_transformation": "APPEND_IF_ABSENT"}, b"theirs"),
        ({"server_header_transformation": "PASS_THROUGH"}, b"theirs"),
    ],
)
async def test_server_header(config: dict[str, str], server: bytes) -> None:
    raw = answer(b"ok", extra=b"server: theirs\r\n")
    async with backend(Echo(raw)) as port, running(hcm(route("/", cluster="b"), **config), cluster("b", port)) as proxy:
        _, head, _ = await call(proxy.port())
    assert re.findall(rb"\r\nserver: ([^\r]*)", head) == [server]


async def test_date_is_kept_or_made() -> None:
    raw = answer(b"ok", extra=b"date: then\r\n")
    async with (
        backend(Echo(raw, answer(b"ok"))) as port,
        running(hcm(route("/", cluster="b")), cluster("b", port)) as proxy,
    ):
        assert b"\r\ndate: then\r\n" in (await call(proxy.port()))[1]
        made = (await call(proxy.port()))[1]
    assert re.search(rb"\r\ndate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", made)


async def test_request_id_in_the_response() -> None:
    async with running(
        hcm(route("/", direct_response={"status": 200}), always_set_request_id_in_response=True)
    ) as proxy:
        _, head, _ = await call(proxy.port(), headers="x-request-id: mine\r\n")
    assert b"x-request-id: mine" in head
