"""A proxy from an Envoy bootstrap file: static listeners and clusters, an admin address, no control plane."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sidecar.config.bootstrap import Bootstrap
from sidecar.config.core import Address
from sidecar.config.parse import CLUSTER, LISTENER, SECRET, parse_bootstrap
from sidecar.config.refusal import Refusal
from sidecar.control.admin import Admin, Proxy
from sidecar.control.http_server import HttpServer, tcp_listener, unix_listener
from sidecar.control.node import DRAIN_DEFAULT_S, BootstrapError, Node
from sidecar.engine import Engine
from sidecar.net.secrets import SecretStore
from sidecar.net.tasks import spawn
from sidecar.telemetry.sink import Telemetry
from sidecar.telemetry.stats import Stats

FILE_BYTES_MAX = 64 << 20


class BootstrapFile:
    """A bootstrap as written, and as understood."""

    def __init__(self, path: Path, raw: dict[str, Any], parsed: Bootstrap) -> None:
        self.path = path
        self.raw = raw
        self.parsed = parsed


def read_bootstrap(path: Path) -> BootstrapFile:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BootstrapError(f"{path}: longer than {FILE_BYTES_MAX} bytes")
        content = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BootstrapError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    raw = _load(path, content)
    if not isinstance(raw, dict):
        raise BootstrapError(f"{path}: a bootstrap is an object")
    parsed = parse_bootstrap(raw)
    if isinstance(parsed, Refusal):
        raise BootstrapError(f"{path}: {parsed.path}: {parsed.reason}")
    return BootstrapFile(path, raw, parsed)


def _load(path: Path, content: str) -> Any:
    """JSON without a further import; anything else is YAML, of which JSON is a part."""
    if path.suffix == ".json":
        try:
            return json.loads(content)
        except ValueError as error:
            raise BootstrapError(f"{path}: {error}") from None
    import yaml

    try:
        return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        raise BootstrapError(f"{path}: {error}") from None


class StandaloneProxy:
    def __init__(self, bootstrap: BootstrapFile) -> None:
        self.bootstrap = bootstrap
        self.quit: Callable[[], None] = lambda: None
        node = bootstrap.parsed.node
        self.node = Node(id=node.id, cluster=node.cluster, metadata=dict(node.metadata))
        self.stats = Stats()
        self.telemetry = Telemetry(self.stats, self.node.peer)
        self.state = "PRE_INITIALIZING"
        self._engine: Engine | None = None
        self._admin: HttpServer | None = None
        self._started_at_s = time.time()

    async def run(self) -> None:
        """Start, then stay until cancelled. BootstrapError or OSError when it cannot be started."""
        self._engine = engine = Engine(
            node=self.node,
            stats=self.stats,
            records=self.telemetry,
            secrets=SecretStore(),
            rng=random.Random(),
            sandbox=None,
        )
        overload = self.bootstrap.parsed.overload_manager
        if overload is not None:
            engine.limit_connections(overload.resource_monitors[0].typed_config.max_active_downstream_connections)
        self._apply(engine)
        await self._start_admin(engine)
        await engine.start()
        self.state = "LIVE"
        await asyncio.get_running_loop().create_future()

    async def drain(self) -> None:
        self.state = "DRAINING"
        if self._engine is not None:
            await self._engine.drain(DRAIN_DEFAULT_S)
            await self._engine.close()
        if self._admin is not None:
            self._admin.close()
        self.telemetry.close()

    def _apply(self, engine: Engine) -> None:
        static: Mapping[str, Any] = self.bootstrap.raw.get("static_resources") or {}
        for key, type_url in (("secrets", SECRET), ("clusters", CLUSTER), ("listeners", LISTENER)):
            for index, resource in enumerate(static.get(key) or ()):
                name = resource.get("name") or f"{key[:-1]}-{index}"
                refusal = engine.apply(type_url, name, resource, static=True)
                if refusal is not None:
                    where = f"static_resources.{key}[{index}].{refusal.path}"
                    raise BootstrapError(f"{self.bootstrap.path}: {where}: {refusal.reason}")

    async def _start_admin(self, engine: Engine) -> None:
        configured = self.bootstrap.parsed.admin
        if configured is None or configured.address is None:
            return
        proxy = Proxy(
            engine=engine,
            stats=self.stats,
            node=self.node.message(),
            bootstrap=self.bootstrap.raw,
            state=lambda: self.state,
            drain=lambda: spawn(engine.drain(DRAIN_DEFAULT_S), name="drain-listeners"),
            quit=self.quit,
            started_at_s=self._started_at_s,
        )
        sock = _listener(configured.address)
        self._admin = HttpServer(Admin(proxy, local_only=sock.family != socket.AF_UNIX).handle, name="admin")
        await self._admin.listen(sock)


def _listener(address: Address) -> socket.socket:
    if address.pipe is not None:
        return unix_listener(Path(address.pipe.path))
    assert address.socket_address is not None
    place = address.socket_address
    try:
        return tcp_listener(place.address, place.port_value)
    except OSError as error:
        raise BootstrapError(f"admin.address: {place.address}:{place.port_value}: {error.strerror}") from None
