"""What the rest of the pod may ask its sidecar: probes (15021), metrics and the agent's verbs (15020, 15090).

Paths are Istio's: `/healthz/ready`, `/stats/prometheus`, `/quitquitquit`. `/withdraw` is the injected preStop hook: it
answers when no proxy sends requests to this pod any more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sidecar.control.http_server import Request, Response, text
from sidecar.telemetry.render import prometheus
from sidecar.telemetry.stats import Stats

AGENT_PORT = 15020
PROMETHEUS_PORT = 15090


@dataclass(frozen=True, slots=True)
class StatusPages:
    """`unready` answers why the proxy is not ready, "" when it is; `withdraw` whether the mesh confirmed."""

    stats: Stats
    unready: Callable[[], str]
    quit: Callable[[], None]
    withdraw: Callable[[], Awaitable[bool]]

    def handle(self, request: Request) -> Response | Awaitable[Response]:
        if request.path == "/healthz/ready":
            reason = self.unready()
            return text(f"not ready: {reason}\n", 503) if reason else text("")
        if request.path in {"/stats/prometheus", "/metrics"}:
            return Response(200, prometheus(self.stats).encode(), "text/plain; version=0.0.4; charset=utf-8")
        if request.path == "/withdraw":
            return self._withdraw()
        if request.path == "/quitquitquit":
            if request.method != "POST":
                return text("method not allowed, use POST\n", 405)
            self.quit()
            return text("OK\n")
        return text("404 page not found\n", 404)

    async def _withdraw(self) -> Response:
        """200 in any case: a hook that fails only makes an Event, the pod stops all the same."""
        return text("withdrawn\n" if await self.withdraw() else "not confirmed\n")
