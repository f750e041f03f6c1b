"""The HTTP side of the API server: who calls, which document or resource, and every failure as a Status."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from aiohttp import web

from mesh.kube.errors import ApiError
from mesh.kube.kinds import KindRegistry
from orchestrator.api.authentication import Authenticator
from orchestrator.api.body import BODY_BYTES_MAX
from orchestrator.api.discovery import Discovery
from orchestrator.api.errors import failure, internal, status_body
from orchestrator.api.impersonation import impersonated
from orchestrator.api.negotiate import wants_aggregated
from orchestrator.api.openapi import OpenApi
from orchestrator.api.rest import Rest
from orchestrator.api.routes import parse_path

log = logging.getLogger(__name__)

JSON = "application/json"
FOREVER_S = 31_536_000
VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+pocketmesh",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
"""kubectl's dispatcher chooses its version by `minor`."""
_HEALTH = frozenset(("/healthz", "/livez", "/readyz"))
_CONTENT_TYPE = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"


class HttpApi:
    def __init__(self, rest: Rest, registry: KindRegistry, authenticator: Authenticator) -> None:
        self._rest = rest
        self._registry = registry
        self._authenticator = authenticator
        self.discovery = Discovery(registry)
        self.openapi = OpenApi(registry)
        self.ready = False

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._handle(request)
        except ApiError as problem:
            return _status(problem)
        except web.HTTPRequestEntityTooLarge:
            return _status(failure(413, f"Request entity too large: limit is {BODY_BYTES_MAX}"))
        except (ConnectionError, web.HTTPException):
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return _status(internal("the server failed; its log says why"))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path in _HEALTH or path.startswith(("/livez/", "/readyz/", "/healthz/")):
            return _text("ok", 200 if self.ready else 503)
        if path == "/version":
            return _json(msgspec.json.encode(VERSION))
        transport = request.transport
        certificate: dict[str, Any] | None = transport.get_extra_info("peercert") if transport else None
        user = await self._authenticator.user(certificate, request.headers.get("Authorization", ""))
        user = impersonated(user, request.headers)
        target = parse_path(request.rel_url.raw_path, self._registry)
        if target is not None:
            return await self._rest.handle(request, target, user)
        if request.method not in ("GET", "HEAD"):
            raise failure(404, "the server could not find the requested resource", details={})
        return self._document(request, path.rstrip("/"))

    def _document(self, request: web.BaseRequest, path: str) -> web.Response:
        if path == "":
            return _json(msgspec.json.encode({"paths": self._paths()}))
        if path == "/openapi/v3":
            return _json(self.openapi.index())
        if path.startswith("/openapi/v3/"):
            return self._openapi(request, path.removeprefix("/openapi/v3/"))
        if path.startswith(("/apis/", "/api/")) or path in ("/apis", "/api"):
            aggregated = wants_aggregated(request.headers.get("Accept", "")) if path in ("/apis", "/api") else ""
            found = self.discovery.document(path, aggregated)
            if found is None:
                raise failure(404, "the server could not find the requested resource", details={})
            body, etag = found
            headers = {"ETag": etag, "Vary": "Accept", "Cache-Control": "public"}
            if request.headers.get("If-None-Match") == etag:
                return web.Response(status=304, headers=headers)
            content_type = _CONTENT_TYPE.format(aggregated) if aggregated else JSON
            return web.Response(body=body, headers={**headers, "Content-Type": content_type})
        return _text("404 page not found", 404)

    def _openapi(self, request: web.BaseRequest, path: str) -> web.Response:
        body = self.openapi.document(path)
        if body is None:
            return _text("404 page not found", 404)
        etag = f'"{self.openapi.hash_of(path)}"'
        headers = {"ETag": etag, "Vary": "Accept", "Cache-Control": "public"}
        if request.query.get("hash"):
            # The address carries the content's hash, so the answer is good for ever.
            headers["Cache-Control"] = f"public, max-age={FOREVER_S}, immutable"
            headers["Expires"] = "Thu, 31 Dec 2099 23:59:59 GMT"
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers={**headers, "Content-Type": JSON})

    def _paths(self) -> list[str]:
        return sorted(["/version", "/openapi/v3", *_HEALTH, *(f"/{path}" for path in self.openapi.paths())])


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type=JSON)


def _text(text: str, status: int) -> web.Response:
    return web.Response(text=text, status=status)


def _status(problem: ApiError) -> web.Response:
    response = web.Response(status=problem.code, body=status_body(problem.status), content_type=JSON)
    retry = (problem.status.get("details") or {}).get("retryAfterSeconds")
    if problem.code == 429 or retry:
        response.headers["Retry-After"] = str(retry or 1)
    if problem.code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
