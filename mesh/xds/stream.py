"""`POST /v3/ads`: a delta session over one full-duplex HTTP/1.1 exchange, JSON lines both ways."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping

from aiohttp import web

from mesh.ca.identity import Identity, peer_identity
from mesh.kube.tasks import spawn
from mesh.registry.model import Workload
from mesh.xds.node import Node, check_node, parse_node
from mesh.xds.pusher import Pusher
from mesh.xds.session import Session
from mesh.xds.snapshot import Snapshot
from mesh.xds.wire import DeltaRequest, LineSplitter, read_request, write_response

log = logging.getLogger(__name__)

WRITE_TIMEOUT_S = 30.0
"""A proxy that takes nothing for this long is cut off; it comes back with what it has."""
FIRST_REQUEST_WAIT_S = 0.5
"""How long we wait for the first request before we answer the head, so that a refusal can be an HTTP status."""
POD_POLL_S = 0.02
POD_POLLS_MAX = 250
"""A proxy may be quicker than our watch of its pod: it is given five seconds."""

Workloads = Callable[[], Mapping[tuple[str, str], Workload]]


class AdsStream:
    """One connected proxy; see `mesh.xds.pusher.Stream`."""

    def __init__(self, node: Node, pusher: Pusher, response: web.StreamResponse) -> None:
        self.node = node
        self.session = Session()
        self._pusher = pusher
        self._response = response
        self._wake = asyncio.Event()
        self._closed = False

    def target(self, snapshot: Snapshot) -> None:
        self.session.target(snapshot)
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    def receive(self, request: DeltaRequest) -> None:
        refused_before = {url: one.error for url, one in self.session.subscriptions.items()}
        self.session.receive(request, asyncio.get_running_loop().time())
        error = self.session.subscriptions[request.type_url].error
        if error is not None and error is not refused_before[request.type_url]:
            log.warning("%s refuses %s: %s", self.node.name, request.type_url.rpartition(".")[2], error.message)
        self._wake.set()

    async def send(self) -> None:
        """Write what the session has to say until the stream is closed."""
        loop = asyncio.get_running_loop()
        while not self._closed:
            self._wake.clear()
            for response in self.session.responses(loop.time()):
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await self._response.write(write_response(response))
            self._pusher.acknowledged()
            wake_at = self.session.wake_at()
            try:
                pause = None if wake_at is None or wake_at <= loop.time() else wake_at - loop.time()
                async with asyncio.timeout(pause):  # not wait_for: in Python 3.11 it can swallow a cancellation
                    await self._wake.wait()
            except TimeoutError:
                continue


class AdsHandler:
    def __init__(self, pusher: Pusher, *, workloads: Workloads) -> None:
        self._pusher = pusher
        self._workloads = workloads

    async def handle(self, request: web.Request) -> web.StreamResponse:
        identity = identity_of(request)
        if identity is None:
            return web.json_response({"message": "a client certificate is required"}, status=401)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        requests = read_requests(request)
        reading = spawn(_next(requests), name="ads-first-request")
        try:
            await asyncio.wait([reading], timeout=FIRST_REQUEST_WAIT_S)
            if not reading.done():
                await response.prepare(request)
            first = await reading
        except (ValueError, ConnectionError) as failure:
            return _refuse(response, 400, str(failure))
        finally:
            reading.cancel()
        node = await admit(first.node_id, identity, self._workloads)
        if isinstance(node, str):
            log.warning("refused a proxy: %s", node)
            return _refuse(response, 403, node)
        if not response.prepared:
            await response.prepare(request)
        await self._serve(AdsStream(node, self._pusher, response), first, requests)
        return response

    async def _serve(self, stream: AdsStream, first: DeltaRequest, requests: AsyncIterator[DeltaRequest]) -> None:
        log.info("%s connected", stream.node.name)
        try:
            stream.receive(first)
        except ValueError as failure:
            log.warning("%s: %s", stream.node.name, failure)
            return
        sending = spawn(_send(stream), name=f"ads-{stream.node.name}")
        reading = spawn(_receive(stream, requests), name=f"ads-requests-{stream.node.name}")
        self._pusher.attach(stream)
        try:
            await asyncio.wait([sending, reading], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stream.close()
            sending.cancel()
            reading.cancel()
            self._pusher.detach(stream)
            log.info("%s disconnected", stream.node.name)


async def _next(requests: AsyncIterator[DeltaRequest]) -> DeltaRequest:
    """Not StopAsyncIteration, which a task cannot carry."""
    async for request in requests:
        return request
    raise ValueError("the stream ended before the first request")


async def _receive(stream: AdsStream, requests: AsyncIterator[DeltaRequest]) -> None:
    try:
        async for request in requests:
            stream.receive(request)
    except ValueError as failure:
        log.warning("%s: %s", stream.node.name, failure)
    except ConnectionError:
        pass


async def _send(stream: AdsStream) -> None:
    try:
        await stream.send()
    except (ConnectionError, TimeoutError) as failure:
        log.info("%s: the stream broke: %r", stream.node.name, failure)


def _refuse(response: web.StreamResponse, status: int, message: str) -> web.StreamResponse:
    """As a status if the head is not out yet, else by ending the stream."""
    if not response.prepared:
        return web.json_response({"message": message}, status=status)
    return response


async def read_requests(request: web.Request) -> AsyncIterator[DeltaRequest]:
    """Raises ValueError for what is not a request."""
    splitter = LineSplitter()
    async for chunk in request.content.iter_any():
        for line in splitter.feed(chunk):
            yield read_request(line)


async def admit(node_id: str, identity: Identity, workloads: Workloads) -> Node | str:
    """The node once its pod is known, or why it is refused."""
    node = parse_node(node_id)
    if node is None:
        return f"node.id: {node_id!r} is not of the form KIND~IP~POD.NAMESPACE~DOMAIN"
    if node.namespace == identity.namespace:
        for _ in range(POD_POLLS_MAX):
            if node.key in workloads():
                break
            await asyncio.sleep(POD_POLL_S)
    found = check_node(node, identity, workloads())
    return found if isinstance(found, str) else node


def identity_of(request: web.Request) -> Identity | None:
    """What the connection's client certificate proves, None without one."""
    transport = request.transport
    return peer_identity(transport.get_extra_info("peercert")) if transport is not None else None
