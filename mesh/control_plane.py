"""The control plane put together: which part is started when, and which path leads to which part.

Order matters. The certificate authority needs its namespace; nothing is served before the informers are synced (an
answer from a half-known mesh would be a wrong one); the API server learns of the webhooks when they are served.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TypeVar

import aiohttp
from aiohttp import web

from mesh.admission.validate import ValidateHandler
from mesh.ca import storage
from mesh.ca.authority import Authority
from mesh.ca.identity import Identity
from mesh.ca.publisher import RootPublisher
from mesh.ca.reviewer import TokenReviewer
from mesh.ca.server_tls import RENEW_FRACTION, SERVER_TTL_S, keep_fresh, server_context
from mesh.ca.service import PATH as CERTIFICATE_PATH
from mesh.ca.service import CertificateService, Lifetimes
from mesh.debug.endpoints import DebugHandlers
from mesh.inject.template import ProxySettings
from mesh.inject.webhook import InjectHandler
from mesh.install.installer import InstallSettings, install_base, install_gateway, install_webhooks
from mesh.kube.client import Client
from mesh.kube.errors import ApiError
from mesh.kube.tasks import spawn
from mesh.telemetry.forward import Forwarder
from mesh.telemetry.ingest import TraceHandler
from mesh.telemetry.store import SpanStore
from mesh.xds.poll import PollHandler
from mesh.xds.pusher import Pusher
from mesh.xds.source import StateSource
from mesh.xds.stream import AdsHandler
from mesh.xds.withdraw import WithdrawHandler
from mesh.xds.withdrawals import Withdrawals

log = logging.getLogger(__name__)

T = TypeVar("T")

BODY_BYTES_MAX = 8 * 1024 * 1024
"""An AdmissionReview carries the object twice; objects may have 3 MB."""
RETRY_DELAY_S = 0.1
SHUTDOWN_WAIT_S = 1.0
LOOPBACK = "127.0.0.1"
TRUST_DOMAIN_DEFAULT = "cluster.local"


@dataclass(frozen=True, slots=True)
class ControlPlaneSettings:
    """`xds_port` 0 takes any free one; `otlp_endpoint` "" = as MeshConfig says, else nowhere; `discovery_address` ""
    = this host and port, as on one machine."""

    xds_port: int
    ingress_http_port: int
    ingress_https_port: int
    host: str = LOOPBACK
    otlp_endpoint: str = ""
    discovery_address: str = ""
    lifetimes: Lifetimes = field(default_factory=Lifetimes)


class ControlPlane:
    def __init__(self, client: Client, settings: ControlPlaneSettings) -> None:
        self.client = client
        self.settings = settings
        self.port = settings.xds_port
        self.withdrawals = Withdrawals()
        self.source = StateSource(client, self.withdrawals)
        self.pusher = Pusher(self.source)
        self.spans = SpanStore()
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Returns when everything is served and installed. OSError when the port is taken."""
        await persist(lambda: install_base(self.client))
        authority = await persist(
            lambda: storage.load_or_create(self.client, now=now(), organization=TRUST_DOMAIN_DEFAULT)
        )
        await self.source.start()
        self._stack.push_async_callback(self.source.stop)
        await self.pusher.push()
        self._tasks.append(spawn(self.pusher.run(), name="pusher"))
        await self._serve(authority)
        publisher = RootPublisher(self.client, self.source.informers["Namespace"], root_pem=authority.root_pem.decode())
        await publisher.start()
        self._stack.push_async_callback(publisher.stop)
        install = InstallSettings(
            base_url=f"https://{LOOPBACK}:{self.port}",
            ingress_http_port=self.settings.ingress_http_port,
            ingress_https_port=self.settings.ingress_https_port,
        )
        await persist(lambda: install_webhooks(self.client, install, root_pem=authority.root_pem))
        await persist(lambda: install_gateway(self.client, install, self.proxy_settings()))

    async def stop(self) -> None:
        for stream in list(self.pusher.streams.values()):
            stream.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    def proxy_settings(self) -> ProxySettings:
        """What the injector tells a new proxy, as MeshConfig says at this moment."""
        config = self.source.mesh_config
        return ProxySettings(
            version=distribution_version(),
            discovery_address=self.settings.discovery_address or f"{LOOPBACK}:{self.port}",
            trust_domain=config.trust_domain,
            sampling_percent=config.sampling_percent,
        )

    async def _serve(self, authority: Authority) -> None:
        context = server_context(authority, now=now())
        renewal = keep_fresh(context, authority, interval_s=SERVER_TTL_S * RENEW_FRACTION)
        self._tasks.append(spawn(renewal, name="server-certificate"))
        runner = web.AppRunner(self._app(authority), access_log=None, shutdown_timeout=SHUTDOWN_WAIT_S)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, self.settings.host, self.settings.xds_port, ssl_context=context)
        await site.start()
        self.port = int(runner.addresses[0][1])
        log.info("serving on %s:%d", self.settings.host, self.port)

    def _app(self, authority: Authority) -> web.Application:
        reviewer = TokenReviewer(self.client)
        workloads = self.source.workloads
        certificates = CertificateService(
            authority,
            reviewer,
            trust_domain=lambda: self.source.mesh_config.trust_domain,
            has_workload=self.has_workload,
            lifetimes=self.settings.lifetimes,
        )
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_get("/ready", _ready)
        app.router.add_post(CERTIFICATE_PATH, certificates.handle)
        app.router.add_post("/v3/ads", AdsHandler(self.pusher, workloads=workloads).handle)
        app.router.add_post("/v3/withdraw", WithdrawHandler(self.source, self.pusher, self.withdrawals).handle)
        app.router.add_post("/v1/traces", TraceHandler(self.spans, self._forwarder()).handle)
        app.router.add_post("/inject", InjectHandler(settings=self.proxy_settings).handle)
        app.router.add_post("/validate", ValidateHandler(self.source).handle)
        PollHandler(self.pusher, workloads=workloads).add_routes(app)
        DebugHandlers(reviewer, self.pusher, self.spans).add_routes(app)
        return app

    def has_workload(self, identity: Identity) -> bool:
        return self.source.has_pod_of(identity.namespace, identity.service_account)

    def _forwarder(self) -> Forwarder | None:
        endpoint = self.settings.otlp_endpoint or self.source.mesh_config.otlp_endpoint
        if not endpoint:
            return None
        forwarder = Forwarder.to_endpoint(endpoint)
        forwarder.start()
        self._stack.callback(forwarder.stop)
        log.info("spans go to %s", endpoint)
        return forwarder


async def persist(step: Callable[[], Awaitable[T]]) -> T:
    """Try until the API server is there; a refusal that is its decision is not tried again."""
    while True:
        try:
            return await step()
        except (OSError, aiohttp.ClientError) as failure:
            log.info("waiting for the API server: %r", failure)
        except ApiError as failure:
            if failure.code < 500 and failure.code != 429 and not failure.conflict:
                raise
            log.info("waiting for the API server: %s", failure)
        await asyncio.sleep(RETRY_DELAY_S)


async def _ready(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def distribution_version() -> str:
    try:
        return version("pocketmesh")
    except PackageNotFoundError:
        return "latest"
