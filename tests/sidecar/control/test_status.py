"""Probes, metrics and verbs of the agent's ports."""

from __future__ import annotations

import inspect

import pytest

from sidecar.control.http_server import Request, Response
from sidecar.control.status import StatusPages
from sidecar.telemetry.stats import Stats


class Pod:
    def __init__(self) -> None:
        self.reason = ""
        self.confirmed = True
        self.quits = 0
        stats = Stats()
        stats.counter("server.live").value = 1
        self.pages = StatusPages(stats, lambda: self.reason, self.quit, self.withdraw)

    def quit(self) -> None:
        self.quits += 1

    async def withdraw(self) -> bool:
        return self.confirmed

    async def ask(self, path: str, method: str = "GET") -> Response:
        answer = self.pages.handle(Request(method, path, {}, "x"))
        return await answer if inspect.isawaitable(answer) else answer


async def test_ready_says_why_not() -> None:
    pod = Pod()
    assert (await pod.ask("/healthz/ready")).status == 200
    pod.reason = "no certificate yet"
    answer = await pod.ask("/healthz/ready")
    assert (answer.status, answer.body) == (503, b"not ready: no certificate yet\n")


async def test_metrics() -> None:
    for path in ("/stats/prometheus", "/metrics"):
        assert b"envoy_server_live{} 1" in (await Pod().ask(path)).body


@pytest.mark.parametrize(("confirmed", "body"), [(True, b"withdrawn\n"), (False, b"not confirmed\n")])
async def test_withdraw_never_fails_the_hook(confirmed: bool, body: bytes) -> None:
    pod = Pod()
    pod.confirmed = confirmed
    answer = await pod.ask("/withdraw")
    assert (answer.status, answer.body) == (200, body)


async def test_quit_wants_post() -> None:
    pod = Pod()
    assert (await pod.ask("/quitquitquit")).status == 405
    assert pod.quits == 0
    assert (await pod.ask("/quitquitquit", "POST")).status == 200
    assert pod.quits == 1
    assert (await pod.ask("/else")).status == 404
