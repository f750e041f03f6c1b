"""A proxy of a mesh: identity first, then configuration, then traffic; it keeps going with what it has.

Order at start: the last good configuration from the disk, the pod's own listeners (status, DNS), the certificate, the
configuration stream. Ready = it has a certificate and the first clusters and listeners are in force.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from sidecar.control.admin import Admin, Proxy
from sidecar.control.discovery import Discovery, DiscoveryError
from sidecar.control.dns import DnsServer, host_resolvers
from sidecar.control.exporter import SpanExporter
from sidecar.control.http_server import HttpServer, tcp_listener, unix_listener
from sidecar.control.identity import Identity
from sidecar.control.name_table import NameTable
from sidecar.control.node import MeshSettings, resolve
from sidecar.control.snapshot import Snapshot
from sidecar.control.status import AGENT_PORT, PROMETHEUS_PORT, StatusPages
from sidecar.control.xds import XdsClient
from sidecar.engine import Engine
from sidecar.net import sandbox
from sidecar.net.secrets import SecretStore
from sidecar.net.tasks import spawn
from sidecar.telemetry.sink import Telemetry
from sidecar.telemetry.spans import SpanSource
from sidecar.telemetry.stats import Stats

log = logging.getLogger(__name__)

ACCEPT_WAIT_S = 2.0
"""How long a start waits for the certificate before it serves without (plaintext and passthrough still work)."""
WITHDRAW_PATH = "/v3/withdraw"
WITHDRAW_TIMEOUT_S = 7.0
"""Longer than the control plane's own bound of 5 s."""
DNS_ADDRESS = ("127.0.0.1", 15053)
ADMIN_SOCKET = "admin.sock"


class MeshProxy:
    """`kind` is `sidecar` or `router`."""

    def __init__(self, kind: str, settings: MeshSettings) -> None:
        self.settings = settings
        self.quit: Callable[[], None] = lambda: None
        self._kind = kind
        self._rng = random.Random()
        self.stats = Stats()
        node = settings.node
        self.telemetry = Telemetry(self.stats, node.peer)
        self.secrets = SecretStore()
        self.discovery = Discovery(settings.discovery, settings.root_file)
        self._tasks: list[asyncio.Task[None]] = []
        self._servers: list[HttpServer] = []
        self._draining = False
        self._started_at_s = time.time()

    def _assemble(self) -> None:
        """What needs a running loop."""
        settings = self.settings
        self.engine = Engine(
            node=settings.node,
            stats=self.stats,
            records=self.telemetry,
            secrets=self.secrets,
            rng=self._rng,
            sandbox=settings.sandbox,
            resolve_path=lambda path: str(resolve(path, settings.mounts)),
        )
        self.identity = Identity(
            self.discovery,
            self.secrets,
            spiffe_id=settings.spiffe_id,
            token_file=settings.token_file,
            lifetime_s=settings.certificate_lifetime_s,
            rng=self._rng,
        )
        snapshot = Snapshot(settings.directory, settings.node.id)
        self.xds = XdsClient(
            self.discovery,
            self.engine,
            node=settings.node.message(),
            names=self._name_table,
            rng=self._rng,
            snapshot=snapshot,
        )
        snapshot.follow(self.xds.subscriptions)
        self.snapshot = snapshot
        self.dns = DnsServer(self._rng, resolvers=host_resolvers())
        self.engine.on_subscriptions_changed = self.xds.subscriptions_changed
        source = SpanSource(settings.node.id, settings.node.peer, str(settings.node.metadata.get("MESH_ID", "")))
        self.exporter = SpanExporter(self.discovery, self.telemetry, source)
        self._proxy = self._pages()

    async def run(self) -> None:
        """Start, then stay until cancelled. OSError when a listener of the pod cannot be opened."""
        self._assemble()
        restored = self.xds.restore()
        if restored:
            log.info("restored %d resources of the last good configuration", restored)
        self._start(self.identity.run(), "identity")
        await self._serve_admin()
        await self._serve_pod()
        # Callers wait in the sandbox's sockets: taken before there is a certificate, they would be reset.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ACCEPT_WAIT_S):
                await self.identity.ready.wait()
        await self.engine.start()
        await self.identity.ready.wait()
        self._start(self.xds.run(), "xds")
        self._start(self.exporter.run(), "spans")
        await self.xds.applied.wait()
        log.info("ready after %.0f ms", (time.time() - self._started_at_s) * 1000)
        await asyncio.get_running_loop().create_future()

    async def drain(self) -> None:
        """No new requests from peers, those under way end, within Istio's terminationDrainDuration."""
        self._draining = True
        if not hasattr(self, "engine"):
            return
        await self.engine.drain(self.settings.drain_s)
        self.xds.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.snapshot.save()
        await self.engine.close()
        await self.exporter.finish()
        self.dns.close()
        for server in self._servers:
            server.close()
        with contextlib.suppress(OSError):
            (self.settings.directory / ADMIN_SOCKET).unlink()
        self.telemetry.close()

    def unready(self) -> str:
        """Why the pod's proxy is not ready; "" = it is."""
        if self._draining:
            return "draining"
        if not self._proxy.healthy:
            return "failed by /healthcheck/fail"
        if not self.identity.ready.is_set():
            return f"no certificate yet ({self.identity.failure or 'waiting for the certificate authority'})"
        if not self.xds.applied.is_set():
            return f"no configuration yet ({self.xds.describe()})"
        return ""

    async def withdraw(self) -> bool:
        """Ask for this pod's endpoints to be taken out everywhere; False = not confirmed in time."""
        body = json.dumps({"node": {"id": self.settings.node.id}}).encode()
        try:
            reply = await self.discovery.post(WITHDRAW_PATH, body, timeout_s=WITHDRAW_TIMEOUT_S)
        except DiscoveryError as error:
            log.warning("withdrawal: %s", error)
            return False
        if reply.status != 200:
            log.warning("withdrawal: %s", reply.describe())
        return reply.status == 200

    def _start(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(spawn(coroutine, name=name))

    def _name_table(self, table: Mapping[str, Any]) -> None:
        self.dns.table = NameTable(table, namespace=self.settings.node.namespace)

    def _state(self) -> str:
        if self._draining:
            return "DRAINING"
        return "PRE_INITIALIZING" if self.unready() else "LIVE"

    def _pages(self) -> Proxy:
        return Proxy(
            engine=self.engine,
            stats=self.stats,
            node=self.settings.node.message(),
            bootstrap={"node": self.settings.node.message()},
            state=self._state,
            drain=lambda: self._start(self.engine.drain(self.settings.drain_s), "drain-listeners"),
            quit=self.quit,
            subscriptions=self.xds.subscriptions,
            certificate=lambda: self.identity.current,
            started_at_s=self._started_at_s,
        )

    async def _serve_admin(self) -> None:
        directory = self.settings.directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._serve(Admin(self._proxy, local_only=False).handle, "admin", unix_listener(directory / ADMIN_SOCKET))

    async def _serve_pod(self) -> None:
        """Status, metrics and names, inside the pod. A gateway shares the host's network: it has only its status."""
        pages = StatusPages(stats=self.stats, unready=self.unready, quit=self.quit, withdraw=self.withdraw)
        if self._kind == "router":
            address = self.settings.node.ip
            await self._serve(pages.handle, "status", tcp_listener(address, self.settings.status_port))
            return
        for port in (self.settings.status_port, AGENT_PORT, PROMETHEUS_PORT):
            await self._serve(pages.handle, f"status-{port}", self._pod_socket("0.0.0.0", port, "stream"))
        await self.dns.serve(self._pod_socket(*DNS_ADDRESS, "dgram"), self._pod_socket(*DNS_ADDRESS, "stream"))

    async def _serve(self, handler: Any, name: str, sock: socket.socket) -> None:
        server = HttpServer(handler, name=name)
        await server.listen(sock)
        self._servers.append(server)

    def _pod_socket(self, address: str, port: int, kind: str) -> socket.socket:
        """Opened by the pod's sandbox, or by ourselves where we live in the pod."""
        if self.settings.sandbox is not None:
            return sandbox.listen(f"{self.settings.sandbox}/shim.sock", address, port, kind)
        if kind == "stream":
            return tcp_listener(address, port)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, port))
        return sock
