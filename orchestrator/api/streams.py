"""Answers that last: watches and logs, written as they come and ended when the client stops reading."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from aiohttp import web

from mesh.kube.errors import ApiError
from mesh.kube.objects import Object
from orchestrator.api.call import Call
from orchestrator.api.errors import Cause, bad_request, invalid_object, not_implemented
from orchestrator.api.negotiate import Representation
from orchestrator.api.node import NodeBackend
from orchestrator.api.reads import ListOptions, Reads, converter
from orchestrator.api.resources import Resources
from orchestrator.api.table import Include, MetadataForm, TableForm, bookmark_table
from orchestrator.api.tables.column import parse_time
from orchestrator.api.watch import BOOKMARK_INTERVAL_S, Form, JsonForm, Watcher, bookmark, bookmark_object

WRITE_STALL_MAX_S = 30.0
"""A client that takes nothing for so long is cut off."""
WATCH_DURATION_MIN_S = 1800.0
WRITE_BYTES = 256 * 1024
"""Events are joined up to this size: small enough that a client which does not read is noticed by the next write."""


class WatchStream:
    def __init__(self, reads: Reads, several_versions: frozenset[str]) -> None:
        self._reads = reads
        self._several_versions = several_versions
        self._rng = random.Random()

    async def serve(
        self, request: web.BaseRequest, call: Call, options: ListOptions, form: Representation, *, include: Include
    ) -> web.StreamResponse:
        _check(call, options, request)
        convert = converter(call.kind, several_versions=call.resource in self._several_versions)
        encoder: Form
        if form == "table":
            encoder = TableForm(call.kind, convert, include=include)
        elif form == "object":
            encoder = JsonForm(call.kind.api_version, convert)
        else:
            encoder = MetadataForm()
        watcher, begun = await self._reads.watch(call, options, encoder)
        try:
            if options.send_initial_events and begun is not None:
                watcher.push(self._bookmark(call, form, begun, initial_end=True))
            return await self._write(request, call, watcher, form)
        finally:
            self._reads.hub.remove(watcher)

    def _bookmark(self, call: Call, form: Representation, revision: int, *, initial_end: bool = False) -> bytes:
        kind = call.kind
        if form == "table":
            plain = bookmark_object(kind.api_version, kind.kind, revision, initial_end=initial_end)
            return _line("BOOKMARK", bookmark_table(kind, revision, plain))
        if form == "object":
            return bookmark(kind.api_version, kind.kind, revision, initial_end=initial_end)
        return bookmark("meta.k8s.io/v1", "PartialObjectMetadata", revision, initial_end=initial_end)

    async def _write(
        self, request: web.BaseRequest, call: Call, watcher: Watcher, form: Representation
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _duration_s(request, self._rng)
        bookmarks = request.query.get("allowWatchBookmarks") in ("true", "1")
        while (left := ends_at - loop.time()) > 0:
            try:
                batch = await watcher.get_batch(min(left, BOOKMARK_INTERVAL_S))
            except ApiError as reason:
                await _send(request, response, [_line("ERROR", reason.status)])
                break
            if not batch and bookmarks:
                batch = [self._bookmark(call, form, self._reads.revision)]
            await _send(request, response, batch)
        await response.write_eof()
        return response


def _line(event_type: str, obj: Object) -> bytes:
    return msgspec.json.encode({"type": event_type, "object": obj}) + b"\n"


def _joined(chunks: list[bytes]) -> Iterator[bytes]:
    start, size = 0, 0
    for index, chunk in enumerate(chunks):
        size += len(chunk)
        if size >= WRITE_BYTES:
            yield b"".join(chunks[start : index + 1])
            start, size = index + 1, 0
    if start < len(chunks):
        yield b"".join(chunks[start:])


async def _send(request: web.BaseRequest, response: web.StreamResponse, chunks: list[bytes]) -> None:
    try:
        for joined in _joined(chunks):
            async with asyncio.timeout(WRITE_STALL_MAX_S):
                await response.write(joined)
    except TimeoutError:
        # Nothing more can be said to a client that does not read.
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client stopped reading") from None


def _check(call: Call, options: ListOptions, request: web.BaseRequest) -> None:
    if not options.send_initial_events:
        return
    causes = []
    if options.resource_version_match != "NotOlderThan":
        text = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        causes.append(Cause("FieldValueForbidden", "resourceVersionMatch", text))
    if request.query.get("allowWatchBookmarks") not in ("true", "1"):
        text = "Forbidden: sendInitialEvents requires allowWatchBookmarks"
        causes.append(Cause("FieldValueForbidden", "allowWatchBookmarks", text))
    if causes:
        raise invalid_object(call.kind, "", causes)


def _duration_s(request: web.BaseRequest, rng: random.Random) -> float:
    text = request.query.get("timeoutSeconds", "")
    if text:
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise bad_request(f'invalid timeoutSeconds: "{text}"')
        if int(text):
            return float(text)
    # Clients that began together shall not come back together.
    return WATCH_DURATION_MIN_S * rng.uniform(1.0, 2.0)


class LogStream:
    """`pods/log`: plain text, as the node gives it."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def serve(self, request: web.BaseRequest, call: Call, node: NodeBackend | None) -> web.StreamResponse:
        if node is None:
            raise not_implemented("this server has no node that could give logs")
        query = request.query
        pod = await self._resources.get(call)
        container = container_of(call, pod, query.get("container", ""))
        lines = node.logs(
            pod,
            container,
            follow=query.get("follow") == "true",
            previous=query.get("previous") == "true",
            tail_lines=_count(request, "tailLines"),
            since_seconds=_since(request),
            timestamps=query.get("timestamps") == "true",
            limit_bytes=_count(request, "limitBytes"),
        )
        # The first step may refuse; only then is it too late for a Status.
        iterator = aiter(lines)
        first = await anext(iterator, b"")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        if first:
            await _send(request, response, [first])
        async for chunk in iterator:
            if chunk:
                await _send(request, response, [chunk])
        await response.write_eof()
        return response


def container_of(call: Call, pod: Object, wanted: str) -> str:
    spec = pod.get("spec") or {}
    regular = [c["name"] for c in spec.get("containers") or []]
    init = [c["name"] for c in spec.get("initContainers") or []]
    ephemeral = [c["name"] for c in spec.get("ephemeralContainers") or []]
    if wanted:
        if wanted not in (*regular, *init, *ephemeral):
            raise bad_request(f"container {wanted} is not valid for pod {call.name}")
        return wanted
    if len(regular) == 1 and not init:
        return str(regular[0])
    if len(regular) == 1:
        # kubectl names the container itself; others mean the only regular one.
        return str(regular[0])
    names = " ".join(regular)
    raise bad_request(f"a container name must be specified for pod {call.name}, choose one of: [{names}]")


def _count(request: web.BaseRequest, name: str) -> int | None:
    text = request.query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise bad_request(f'invalid {name}: "{text}"')
    return int(text)


def _since(request: web.BaseRequest) -> float | None:
    seconds = _count(request, "sinceSeconds")
    if seconds is not None:
        return float(seconds)
    moment = parse_time(request.query.get("sinceTime"))
    return None if moment is None else max(0.0, datetime.now(UTC).timestamp() - moment)
