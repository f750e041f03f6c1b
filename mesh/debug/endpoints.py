"""The debug endpoints. They show every proxy's configuration, so they ask who wants to know: only a token of the
ServiceAccount `istio-system/mesh-cli` for the audience `istiod` opens them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from mesh.ca.reviewer import TokenReviewer, bearer
from mesh.ca.service import AUDIENCE as CA_AUDIENCE
from mesh.install.manifests import CLI_ACCOUNT, NAMESPACE
from mesh.telemetry.store import SpanStore
from mesh.xds.kinds import CLUSTER, ENDPOINT, LISTENER, NAME_TABLE, ROUTE
from mesh.xds.pusher import Pusher

AUDIENCE = "istiod"
READER = f"system:serviceaccount:{NAMESPACE}:{CLI_ACCOUNT}"
TRACES_DEFAULT = 10
TRACES_LIMIT_MAX = 1000
DUMP_MEMBERS = {
    "listeners": LISTENER,
    "routes": ROUTE,
    "clusters": CLUSTER,
    "endpoints": ENDPOINT,
    "name_table": NAME_TABLE,
}
"""Secrets are not shown."""

Answer = Callable[[web.Request], Awaitable[web.Response]]

assert AUDIENCE != CA_AUDIENCE, "a workload's own token must not open the debug endpoints"


class DebugHandlers:
    def __init__(self, reviewer: TokenReviewer, pusher: Pusher, store: SpanStore) -> None:
        self._reviewer = reviewer
        self._pusher = pusher
        self._store = store

    def add_routes(self, app: web.Application) -> None:
        for path, answer in (
            ("/debug/syncz", self.status),
            ("/debug/config_dump", self.config_dump),
            ("/debug/endpoints", self.endpoints),
            ("/debug/traces", self.traces),
        ):
            app.router.add_get(path, self._guarded(answer))

    def _guarded(self, answer: Answer) -> Answer:
        async def guarded(request: web.Request) -> web.Response:
            token = bearer(request.headers.get("Authorization", ""))
            reviewed = await self._reviewer.review(token, audience=AUDIENCE)
            if reviewed is None:
                return web.json_response({"message": f"a token for the audience {AUDIENCE} is required"}, status=401)
            if reviewed.username != READER:
                return web.json_response({"message": f"{reviewed.username} is not {READER}"}, status=403)
            return await answer(request)

        return guarded

    async def status(self, _request: web.Request) -> web.Response:
        return web.json_response(self._pusher.status())

    async def config_dump(self, request: web.Request) -> web.Response:
        """`?proxy=POD.NAMESPACE`: its resources as last compiled; null for a proxy that is not connected."""
        wanted = request.query.get("proxy", "")
        snapshot = next((one for name, one in self._pusher.snapshots() if name == wanted), None)
        if snapshot is None:
            return web.json_response(None)
        return _raw({
            "proxy": wanted,
            "version": snapshot.version,
            **{
                member: [snapshot.of(type_url)[name].body for name in sorted(snapshot.of(type_url))]
                for member, type_url in DUMP_MEMBERS.items()
            },
        })  # fmt: skip

    async def endpoints(self, _request: web.Request) -> web.Response:
        """Every ClusterLoadAssignment that any proxy is told, by cluster name."""
        found = {
            name: resource.body
            for _, snapshot in self._pusher.snapshots()
            for name, resource in snapshot.of(ENDPOINT).items()
        }
        return _raw(dict(sorted(found.items())))

    async def traces(self, request: web.Request) -> web.Response:
        """`?limit=N` newest first, or `?trace_id=ID`: OTLP JSON."""
        if trace_id := request.query.get("trace_id"):
            return web.json_response(self._store.trace(trace_id))
        word = request.query.get("limit", str(TRACES_DEFAULT))
        if not (word.isascii() and word.isdigit()):
            return web.json_response({"message": "limit: must be a number"}, status=400)
        return web.json_response(self._store.last(min(int(word), TRACES_LIMIT_MAX)))


def _raw(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
