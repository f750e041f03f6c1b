"""`POST /v1/traces`: OTLP/HTTP JSON from the proxies, over mTLS."""

from __future__ import annotations

import msgspec
from aiohttp import web

from mesh.telemetry.forward import Forwarder
from mesh.telemetry.store import SpanStore, read_otlp
from mesh.xds.stream import identity_of


class TraceHandler:
    """`forwarder` None = no OTLP endpoint is set."""

    def __init__(self, store: SpanStore, forwarder: Forwarder | None) -> None:
        self._store = store
        self._forwarder = forwarder

    async def handle(self, request: web.Request) -> web.Response:
        if identity_of(request) is None:
            return web.json_response({"message": "a client certificate is required"}, status=401)
        try:
            spans, malformed = read_otlp(msgspec.json.decode(await request.read()))
        except (ValueError, msgspec.DecodeError) as failure:
            return web.json_response({"message": str(failure)}, status=400)
        self._store.add(spans)
        self._store.counts.malformed += malformed
        if self._forwarder is not None:
            self._forwarder.add(spans)
        if malformed:
            partial = {"rejectedSpans": str(malformed), "errorMessage": "malformed ids or times"}
            return web.json_response({"partialSuccess": partial})
        return web.json_response({})
