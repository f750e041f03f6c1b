"""The API server, assembled: store, admission, verbs, HTTPS, and what keeps the cluster tidy."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import Any

from aiohttp import web

from mesh.kube.kinds import KindRegistry, builtin_registry
from mesh.kube.tasks import spawn
from orchestrator.api.admission import Chain
from orchestrator.api.allocation import ServiceAddresses
from orchestrator.api.authentication import Authenticator
from orchestrator.api.body import BODY_BYTES_MAX
from orchestrator.api.call import INTERNAL, User, resource_of
from orchestrator.api.deletion import Deletion
from orchestrator.api.errors import failure
from orchestrator.api.events import sweep_forever
from orchestrator.api.garbage import GarbageCollector
from orchestrator.api.http import HttpApi
from orchestrator.api.kubeconfigs import write_all
from orchestrator.api.local import LocalClient
from orchestrator.api.node import NodeBackend
from orchestrator.api.options import ApiOptions
from orchestrator.api.pki import Pki
from orchestrator.api.reads import Reads
from orchestrator.api.resources import Resources
from orchestrator.api.rest import Api, Rest
from orchestrator.api.seed import Furnisher, seed
from orchestrator.api.service_accounts import ServiceAccountPlugin
from orchestrator.api.subresources import Subresources
from orchestrator.api.tokens import ServiceAccountTokens
from orchestrator.api.watch import WatchHub
from orchestrator.api.webhooks import WebhookPlugin
from orchestrator.store.base import Store

log = logging.getLogger(__name__)

BACKLOG = 1024
SHUTDOWN_S = 1.0
KEEPALIVE_S = 75.0


class ApiServer:
    """`await start()` serves; `local_client` works then and `port` is known. The store is the caller's to close."""

    def __init__(self, store: Store, options: ApiOptions, *, registry: KindRegistry | None = None) -> None:
        self.options = options
        self.store = store
        self.registry = registry or builtin_registry()
        self.pki = Pki(options.home / "orchestrator" / "pki")
        self.hub = WatchHub(store)
        self._addresses = ServiceAddresses(store, options.service_range)
        self._webhooks = WebhookPlugin(store, self.registry)
        chain = Chain([ServiceAccountPlugin(store), self._webhooks])
        self.resources = Resources(store, self.registry, chain, addresses=self._addresses)
        self.reads = Reads(store, self.hub)
        self.deletion = Deletion(self.resources, self.reads)
        self.tokens = ServiceAccountTokens(self.pki.signing_key, self.resources)
        self._subresources = Subresources(self.resources, self.tokens, self.deletion)
        several = _several_versions(self.registry)
        self._api = Api(self.resources, self.reads, self.deletion, self._subresources, several)
        self.http = HttpApi(Rest(self._api), self.registry, Authenticator(self.tokens))
        self._garbage = GarbageCollector(store, self.registry, self.resources, self.deletion)
        self._furnisher: Furnisher | None = None
        self._runner: web.ServerRunner | None = None
        self._sweeper: asyncio.Task[Any] | None = None
        self.port = 0
        self.local_client = self.client_of(INTERNAL)

    def client_of(self, user: User) -> LocalClient:
        """A client in this process that acts as `user`."""
        return LocalClient(self.resources, self.reads, self.deletion, self._subresources, user)

    @property
    def authority(self) -> str:
        """The certificate that clients verify us by, as PEM."""
        return self.pki.authority.certificate.decode()

    def set_node_backend(self, backend: NodeBackend | None) -> None:
        self._api.node = backend

    async def start(self) -> None:
        options = self.options
        listener = _listen(options.host, options.port)
        self.port = listener.getsockname()[1]
        await self._addresses.load()
        await seed(self.resources, authority=self.authority, host=options.host, port=self.port)
        self._furnisher = Furnisher(self.store, self.resources, self.authority)
        await self._garbage.start()
        server = web.Server(
            self.http,
            request_factory=_request,
            handler_cancellation=True,
            keepalive_timeout=KEEPALIVE_S,
            access_log=None,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, ssl_context=self._tls(), backlog=BACKLOG).start()
        if options.write_kubeconfigs:
            url = f"https://{options.host}:{self.port}"
            write_all(self.pki, options.home, server=url, context=options.context)
        self._sweeper = spawn(
            sweep_forever(self.store, self.deletion, ttl_s=options.event_ttl_s), name="events-sweeper"
        )
        self.http.ready = True
        log.info("serving on %s:%d", options.host, self.port)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pki.server.path)
        context.load_verify_locations(cadata=self.authority)
        # Optional: tokens prove callers too. A certificate that is sent must be one of ours.
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def stop(self) -> None:
        self.http.ready = False
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._furnisher is not None:
            self._furnisher.stop()
        self.hub.end_all(failure(503, "the server is shutting down"))
        await self._garbage.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        await self._webhooks.close()


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_BYTES_MAX)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _several_versions(registry: KindRegistry) -> frozenset[str]:
    """Resources that are served in more than one version: their stored bytes cannot be sent as they are."""
    seen: dict[str, int] = {}
    for kind in registry:
        seen[resource_of(kind)] = seen.get(resource_of(kind), 0) + 1
    return frozenset(resource for resource, count in seen.items() if count > 1)
