"""`Client` over HTTP(S): a real API server, ours or anybody's."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from mesh.kube.client import PATCH_CONTENT_TYPES, ObjectList, PatchType, WatchEvent
from mesh.kube.errors import ApiError
from mesh.kube.kinds import Kind
from mesh.kube.kubeconfig import Endpoint, from_kubeconfig, in_cluster
from mesh.kube.objects import Object, name_of, namespace_of

REQUEST_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 10.0
WATCH_SILENCE_MAX_S = 150.0
"""Servers send a bookmark about every minute; after this much silence the stream is taken for dead."""
WATCH_LINE_MAX = 8 * 1024 * 1024
CONNECTIONS_MAX = 256
USER_AGENT = "pocketmesh"
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class HttpClient:
    """One connection pool to one API server. Implements `mesh.kube.client.Client`."""

    def __init__(self, endpoint: Endpoint, *, user_agent: str = USER_AGENT) -> None:
        self.endpoint = endpoint
        self._session: aiohttp.ClientSession | None = None
        self._user_agent = user_agent
        self.on_warning: Callable[[str], None] | None = None
        """Told what the server warns of when it accepts a request (Warning: 299)."""

    @classmethod
    def from_kubeconfig(cls, path: Path | str, *, context: str = "") -> HttpClient:
        return cls(from_kubeconfig(path, context=context))

    @classmethod
    def in_cluster(cls) -> HttpClient:
        return cls(in_cluster())

    async def get(self, kind: Kind, name: str, namespace: str = "", *, subresource: str = "") -> Object:
        return await self.request("GET", kind.path(namespace, name, subresource))

    async def list(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
    ) -> ObjectList:
        query = {
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "limit": str(limit) if limit else "",
            "continue": continue_token,
        }
        body = await self.request("GET", kind.path(namespace), query)
        meta = body.get("metadata") or {}
        return ObjectList(body.get("items") or [], meta.get("resourceVersion") or "", meta.get("continue") or "")

    async def create(
        self,
        kind: Kind,
        obj: Object,
        namespace: str = "",
        *,
        name: str = "",
        subresource: str = "",
        field_validation: str = "",
        dry_run: bool = False,
    ) -> Object:
        path = kind.path(namespace or namespace_of(obj), name or None, subresource)
        query = {"fieldValidation": field_validation, "dryRun": "All" if dry_run else ""}
        return await self.request("POST", path, query, body=obj)

    async def update(self, kind: Kind, obj: Object, *, subresource: str = "") -> Object:
        return await self.request("PUT", kind.path(namespace_of(obj), name_of(obj), subresource), body=obj)

    async def patch(
        self,
        kind: Kind,
        name: str,
        patch: Any,
        namespace: str = "",
        *,
        patch_type: PatchType = "merge",
        subresource: str = "",
        field_manager: str = "",
        field_validation: str = "",
        dry_run: bool = False,
    ) -> Object:
        query = {
            "fieldManager": field_manager,
            "fieldValidation": field_validation,
            "dryRun": "All" if dry_run else "",
        }
        path = kind.path(namespace, name, subresource)
        return await self.request("PATCH", path, query, body=patch, content_type=PATCH_CONTENT_TYPES[patch_type])

    async def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str = "",
        *,
        grace_period_s: int | None = None,
        propagation_policy: str = "",
        uid: str = "",
    ) -> Object:
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if grace_period_s is not None:
            options["gracePeriodSeconds"] = grace_period_s
        if propagation_policy:
            options["propagationPolicy"] = propagation_policy
        if uid:
            options["preconditions"] = {"uid": uid}
        return await self.request("DELETE", kind.path(namespace, name), body=options)

    async def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        bookmarks: bool = True,
    ) -> AsyncIterator[WatchEvent]:
        query = {
            "watch": "true",
            "resourceVersion": resource_version,
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "allowWatchBookmarks": "true" if bookmarks else "",
        }
        buffer = bytearray()
        async for chunk in self.stream(kind.path(namespace), query):
            buffer += chunk
            # Only the new chunk can hold a line's end: without one there is nothing to split.
            if b"\n" not in chunk:
                if len(buffer) > WATCH_LINE_MAX:
                    raise aiohttp.ClientPayloadError("a watch event is too long")
                continue
            *lines, rest = bytes(buffer).split(b"\n")
            buffer[:] = rest
            for line in lines:
                if line:
                    yield _event(line)

    async def stream(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[bytes]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=_silence(query))
        async with self._open().get(self._url(path, query), headers=self._headers(), timeout=timeout) as response:
            if response.status >= 400:
                raise _failure(response.status, await response.read())
            async for chunk in response.content.iter_any():
                yield chunk

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Any = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Object:
        """Any JSON request to the server; `ApiError` for an answer of 400 and above."""
        sent = {**self._headers(), **(headers or {})}
        data = None
        if body is not None:
            data = msgspec.json.encode(body)
            sent["Content-Type"] = content_type
        async with self._open().request(method, self._url(path, query), data=data, headers=sent) as response:
            received = await response.read()
            if response.status >= 400:
                raise _failure(response.status, received)
            if self.on_warning is not None:
                for header in response.headers.getall("Warning", ()):
                    if text := _warning(header):
                        self.on_warning(text)
            decoded: Object = msgspec.json.decode(received)
            return decoded

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self.endpoint.tls, limit=CONNECTIONS_MAX),
                timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S),
                headers={"User-Agent": self._user_agent},
            )
        return self._session

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self.endpoint.token is not None:
            headers["Authorization"] = f"Bearer {self.endpoint.token()}"
        return headers

    def _url(self, path: str, query: Mapping[str, str] | None) -> URL:
        text = urlencode({key: value for key, value in (query or {}).items() if value})
        return URL(f"{self.endpoint.server}{path}" + (f"?{text}" if text else ""), encoded=True)


def _warning(header: str) -> str:
    """The text of `299 - "text"` (RFC 7234, section 5.5, as the API server uses it); "" for any other."""
    found = _WARNING.fullmatch(header)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else ""


def _silence(query: Mapping[str, str] | None) -> float | None:
    watching = (query or {}).get("watch") == "true" and (query or {}).get("allowWatchBookmarks") == "true"
    return WATCH_SILENCE_MAX_S if watching else None


def _event(line: bytes) -> WatchEvent:
    decoded = msgspec.json.decode(line)
    if decoded["type"] == "ERROR":
        status = decoded["object"]
        raise ApiError(status.get("code", 500), status.get("reason", ""), status.get("message", ""), status)
    return WatchEvent(decoded["type"], decoded["object"])


def _failure(code: int, body: bytes) -> ApiError:
    try:
        status = msgspec.json.decode(body)
    except msgspec.DecodeError:
        status = None
    if not isinstance(status, dict) or status.get("kind") != "Status":
        return ApiError(code, "", body[:1000].decode(errors="replace").strip() or f"HTTP {code}")
    return ApiError(code, status.get("reason", ""), status.get("message", ""), status)
