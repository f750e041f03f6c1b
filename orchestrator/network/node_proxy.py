"""Traffic of pods without a sidecar: the part that kube-proxy plays, at the pod's hooks instead of in the kernel.

Outbound, a connection's original destination is looked up (service address -> ready endpoint, pod address) and
carried to the holder of the other pod's hooks over its UNIX socket, with PROXY v2 ahead; addresses outside are
dialled when the guard allows. Inbound, the pod's UNIX socket is accepted here and connected to the pod's own port.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from zlib import crc32

from mesh.kube.tasks import spawn
from orchestrator.network import guard, proxy_protocol
from orchestrator.network.attachment import DNS_PORT, OUTBOUND_PORT
from orchestrator.network.cluster import Cluster, Endpoint, Pod
from orchestrator.network.dns_server import serve_datagrams, serve_streams
from orchestrator.network.relay import join, refuse
from orchestrator.network.resolver import Resolver
from orchestrator.runtimes.base import RuntimeFailure
from orchestrator.runtimes.shim_client import ask

log = logging.getLogger(__name__)

SO_ORIGINAL_DST = 80
CONNECT_TIMEOUT_S = 10.0
HEADER_TIMEOUT_S = 5.0
CONNECTIONS_MAX_PER_POD = 4096
RETRY_S = 0.2
HOOK_ADDRESS = "127.0.0.1"
INBOUND = "inbound.sock"

Address = tuple[str, int]


class Refused(Exception):
    """There is nobody to carry this connection to."""


class PodHooks:
    """Holds the hooks of one pod, from `start` to `stop`."""

    def __init__(self, pod: Pod, cluster: Cluster, resolver: Resolver) -> None:
        self.pod = pod
        self._cluster = cluster
        self._resolver = resolver
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closers: list[Callable[[], None]] = []
        self._shim = f"{pod.sandbox}/shim.sock"

    def start(self) -> None:
        self._spawn(self._run(), "hooks")

    def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        for close in self._closers:
            close()

    def _spawn(self, work: Coroutine[Any, Any, Any], what: str) -> None:
        task = spawn(work, name=f"{what} {self.pod.ip}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        """Take the hooks; a shim that does not answer yet is asked again for as long as the pod exists."""
        while True:
            try:
                inbound = await self._hook("unix", INBOUND, 0)
                outbound = await self._hook("stream", HOOK_ADDRESS, OUTBOUND_PORT)
                datagrams = await self._hook("dgram", HOOK_ADDRESS, DNS_PORT)
                streams = await self._hook("stream", HOOK_ADDRESS, DNS_PORT)
                break
            except (RuntimeFailure, OSError) as failure:
                log.info("hooks of pod %s: %s", self.pod.ip, failure)
                await asyncio.sleep(RETRY_S)
        namespace = self.pod.name[0]
        self._closers.append(await serve_datagrams(datagrams, self._resolver))
        self._spawn(serve_streams(streams, self._resolver), f"dns of {namespace}")
        self._spawn(self._accept(inbound, self._inbound), "inbound")
        self._spawn(self._accept(outbound, self._outbound), "outbound")

    async def _hook(self, kind: str, address: str, port: int) -> socket.socket:
        """The shim keeps it open as well: while this process restarts, callers queue there."""
        message = {"verb": "listen", "address": address, "port": port, "type": kind}
        _, (descriptor,) = await ask(self._shim, message)
        hook = socket.socket(fileno=descriptor)
        hook.setblocking(False)
        return hook

    async def _accept(
        self, listener: socket.socket, handle: Callable[[socket.socket], Coroutine[Any, Any, None]]
    ) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                try:
                    connection, _ = await loop.sock_accept(listener)
                except OSError as failure:
                    log.warning("pod %s: accept: %s", self.pod.ip, failure)
                    await asyncio.sleep(RETRY_S)
                    continue
                if len(self._tasks) > CONNECTIONS_MAX_PER_POD:
                    refuse(connection)
                    continue
                self._spawn(self._carry(connection, handle), "connection")

    async def _carry(
        self, connection: socket.socket, handle: Callable[[socket.socket], Coroutine[Any, Any, None]]
    ) -> None:
        try:
            await handle(connection)
        except (Refused, OSError, TimeoutError, RuntimeFailure, proxy_protocol.ProxyProtocolError) as failure:
            log.info("pod %s: %s", self.pod.ip, failure)
            refuse(connection)

    async def _outbound(self, connection: socket.socket) -> None:
        raw = connection.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
        port, packed = struct.unpack_from(">H4s", raw, 2)
        source: Address = connection.getpeername()
        endpoint = choose(self._cluster, socket.inet_ntoa(packed), port, source=source[0])
        far = await self._connect(endpoint, source)
        await join(connection, far)

    async def _connect(self, endpoint: Endpoint, source: Address) -> socket.socket:
        """To the holder of a pod's hooks, or to the outside (and the node's own, where an endpoint says so)."""
        target = self._cluster.pods.get(endpoint.ip)
        if target is None or not target.sandbox:
            reason = "" if endpoint.host_network else guard.refuses(endpoint.ip)
            if reason:
                raise Refused(f"{endpoint.ip}:{endpoint.port} is not reachable: {reason}")
            far = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            return await _connected(far, (endpoint.ip, endpoint.port))
        far = await _connected(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), str(Path(target.sandbox, INBOUND)))
        header = proxy_protocol.encode((self.pod.ip, source[1]), (endpoint.ip, endpoint.port))
        await asyncio.get_running_loop().sock_sendall(far, header)
        return far

    async def _inbound(self, connection: socket.socket) -> None:
        async with asyncio.timeout(HEADER_TIMEOUT_S):
            header, rest = await _read_header(connection)
        if header.destination is None or header.destination[0] != self.pod.ip:
            raise Refused(f"a connection for {header.destination} came to {self.pod.ip}")
        _, (descriptor,) = await ask(self._shim, {"verb": "socket", "type": "stream"})
        far = await _connected(socket.socket(fileno=descriptor), header.destination)
        await join(connection, far, head=rest)


def choose(cluster: Cluster, ip: str, port: int, *, source: str) -> Endpoint:
    """The endpoint behind an address a pod dialled; raises `Refused` as kube-proxy rejects (no ready endpoint)."""
    service = cluster.service_at(ip)
    if service is None:
        return Endpoint(ip, port)
    for candidate in service.ports:
        if candidate.port == port and candidate.protocol == "TCP":
            ready = cluster.endpoints(service.name, candidate.name)
            if not ready:
                raise Refused(f"service {'/'.join(service.name)} has no ready endpoint")
            return ready[crc32(source.encode()) % len(ready)] if service.sticky else random.choice(ready)
    raise Refused(f"service {'/'.join(service.name)} has no port {port}")


async def _connected(connection: socket.socket, address: Address | str) -> socket.socket:
    connection.setblocking(False)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


async def _read_header(connection: socket.socket) -> tuple[proxy_protocol.ProxyHeader, bytes]:
    loop = asyncio.get_running_loop()
    data = b""
    while True:
        piece = await loop.sock_recv(connection, proxy_protocol.HEADER_BYTES_MAX)
        if not piece:
            raise Refused("the caller hung up before its PROXY header")
        data += piece
        header = proxy_protocol.parse(data)
        if header is not None:
            return header, data[header.length :]


class NodeProxy:
    """Keeps the hooks of every pod on this node that has no sidecar; `on_pod` is an informer handler."""

    def __init__(self, cluster: Cluster, resolver: Resolver) -> None:
        self._cluster = cluster
        self._resolver = resolver
        self._hooks: dict[str, PodHooks] = {}

    def reconcile(self) -> None:
        """Make the hooks held match the pods known."""
        wanted = {
            pod.ip: pod
            for pod in self._cluster.pods.values()
            if pod.sandbox and not pod.proxied and not pod.host_network
        }
        for ip, hooks in list(self._hooks.items()):
            pod = wanted.get(ip)
            if pod is None or (pod.uid, pod.sandbox) != (hooks.pod.uid, hooks.pod.sandbox):
                hooks.stop()
                del self._hooks[ip]
        for ip, pod in wanted.items():
            if ip not in self._hooks:
                self._hooks[ip] = PodHooks(pod, self._cluster, self._resolver)
                self._hooks[ip].start()

    def stop(self) -> None:
        for hooks in self._hooks.values():
            hooks.stop()
        self._hooks.clear()
