"""The admin interface: Envoy 1.40's pages and formats, on loopback or a UNIX socket.

What changes something wants POST. Over TCP the Host header must be a loopback name, so that a web page in a browser of
this machine cannot reach it by a name of its own (DNS rebinding).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sidecar.control.clusters_page import clusters_json, clusters_text
from sidecar.control.config_dump import config_dump
from sidecar.control.http_server import Request, Response, json_reply, text
from sidecar.control.identity import Certificate
from sidecar.control.subscriptions import Subscriptions
from sidecar.telemetry.render import prometheus, stats_json, stats_text
from sidecar.telemetry.stats import Stats

LOOPBACK_HOST = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")
LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "off": logging.CRITICAL + 1,
}
PATTERN_CHARACTERS_MAX = 1024

Page = Callable[[Request], Response]


class Inspected(Protocol):
    """The engine, as the admin pages see it."""

    def clusters(self) -> Any: ...

    def listeners(self) -> Any: ...


@dataclass(slots=True)
class Proxy:
    """What the pages show and touch. `state` is PRE_INITIALIZING, LIVE or DRAINING."""

    engine: Inspected
    stats: Stats
    node: Mapping[str, Any]
    bootstrap: Mapping[str, Any]
    state: Callable[[], str]
    drain: Callable[[], object]
    quit: Callable[[], None]
    subscriptions: Subscriptions | None = None
    certificate: Callable[[], Certificate | None] = lambda: None
    healthy: bool = True
    started_at_s: float = 0.0


class Admin:
    """`local_only` False = a UNIX socket, whose file mode is the check."""

    def __init__(self, proxy: Proxy, *, local_only: bool) -> None:
        self._proxy = proxy
        self._local_only = local_only
        self._read: dict[str, Page] = {
            "/": self._help,
            "/help": self._help,
            "/ready": self._ready,
            "/server_info": self._server_info,
            "/stats": self._stats,
            "/stats/prometheus": self._prometheus,
            "/clusters": self._clusters,
            "/listeners": self._listeners,
            "/config_dump": self._config_dump,
            "/certs": self._certs,
            "/memory": self._memory,
        }
        self._change: dict[str, Page] = {
            "/logging": self._logging,
            "/reset_counters": self._reset_counters,
            "/drain_listeners": self._drain,
            "/healthcheck/fail": lambda _: self._health(healthy=False),
            "/healthcheck/ok": lambda _: self._health(healthy=True),
            "/quitquitquit": self._quit,
        }

    def handle(self, request: Request) -> Response:
        if self._local_only and request.host and LOOPBACK_HOST.fullmatch(request.host) is None:
            return text("Host not allowed\n", 403)
        if (page := self._read.get(request.path)) is not None:
            return page(request)
        if (page := self._change.get(request.path)) is None:
            return text(f"invalid path. {self._pages()}", 404)
        if request.method != "POST":
            return text(f"Method {request.method} not allowed, POST required.", 405)
        return page(request)

    def _pages(self) -> str:
        lines = [f"  {path}" for path in sorted(self._read)] + [f"  {path} (POST)" for path in sorted(self._change)]
        return "admin commands are:\n" + "\n".join(lines) + "\n"

    def _help(self, _: Request) -> Response:
        return text(self._pages())

    def _state(self) -> str:
        """Who was told to fail its health checks is draining, whatever else it does."""
        state = self._proxy.state()
        return "DRAINING" if state == "LIVE" and not self._proxy.healthy else state

    def _ready(self, _: Request) -> Response:
        state = self._state()
        return text(f"{state}\n", 200 if state == "LIVE" else 503)

    def _server_info(self, _: Request) -> Response:
        uptime = f"{int(time.time() - self._proxy.started_at_s)}s"
        return json_reply(
            {
                "version": f"pocketmesh/{distribution_version()}",
                "state": self._state(),
                "hot_restart_version": "disabled",
                "command_line_options": {"concurrency": 1, "drain_strategy": "Gradual"},
                "node": dict(self._proxy.node),
                "uptime_current_epoch": uptime,
                "uptime_all_epochs": uptime,
            }
        )

    def _stats(self, request: Request) -> Response:
        used_only = "usedonly" in request.query
        wanted = request.query.get("filter", "")
        try:
            if len(wanted) > PATTERN_CHARACTERS_MAX:
                raise re.error("too long")
            pattern = re.compile(wanted) if wanted else None
        except re.error as error:
            return text(f"Invalid regex: {error}\n", 400)
        kind = request.query.get("format", "text")
        if kind == "json":
            body = stats_json(self._proxy.stats, used_only=used_only, pattern=pattern)
            return Response(200, body.encode(), "application/json")
        if kind == "prometheus":
            return _exposition(prometheus(self._proxy.stats, used_only=used_only, pattern=pattern))
        if kind != "text":
            return text("usage: /stats?format=(text|json|prometheus)\n\n", 400)
        return text(stats_text(self._proxy.stats, used_only=used_only, pattern=pattern))

    def _prometheus(self, request: Request) -> Response:
        return _exposition(prometheus(self._proxy.stats, used_only="usedonly" in request.query))

    def _clusters(self, request: Request) -> Response:
        statuses = self._proxy.engine.clusters()
        if request.query.get("format") == "json":
            return json_reply(clusters_json(statuses))
        return text(clusters_text(statuses))

    def _listeners(self, request: Request) -> Response:
        pairs = [(one.name, one.address) for one in self._proxy.engine.listeners()]
        if request.query.get("format") == "json":
            return json_reply({"listener_statuses": [{"name": name, "local_address": a} for name, a in pairs]})
        return text("".join(f"{name}::{address}\n" for name, address in pairs))

    def _config_dump(self, request: Request) -> Response:
        try:
            found = config_dump(
                self._proxy.bootstrap,
                self._proxy.subscriptions,
                include_eds="include_eds" in request.query,
                resource=request.query.get("resource", ""),
                name_regex=request.query.get("name_regex", "")[:PATTERN_CHARACTERS_MAX],
            )
        except ValueError as error:
            return text(f"{error}\n", 400)
        return json_reply(found)

    def _certs(self, _: Request) -> Response:
        certificate = self._proxy.certificate()
        if certificate is None:
            return json_reply({"certificates": []})
        left_s = certificate.expires_at - time.time()
        entry = {
            "path": "<inline>",
            "serial_number": certificate.serial.lower(),
            "subject_alt_names": [{"uri": certificate.uri}],
            "days_until_expiration": str(max(0, int(left_s // 86400))),
            "valid_from": _timestamp(certificate.valid_from),
            "expiration_time": _timestamp(certificate.expires_at),
        }
        return json_reply({"certificates": [{"ca_cert": [], "cert_chain": [entry]}]})

    def _memory(self, _: Request) -> Response:
        return json_reply({key: str(value) for key, value in memory_bytes().items()})

    def _logging(self, request: Request) -> Response:
        logger = logging.getLogger("sidecar")
        level = request.query.get("level")
        if level is not None:
            if level not in LEVELS:
                return text(f"usage: /logging?level=({'|'.join(LEVELS)})\n", 400)
            logging.getLogger().setLevel(LEVELS[level])
        names = {number: name for name, number in reversed(LEVELS.items())}
        return text(f"active loggers:\n  sidecar: {names.get(logger.getEffectiveLevel(), 'info')}\n")

    def _reset_counters(self, _: Request) -> Response:
        self._proxy.stats.reset_counters()
        return text("OK\n")

    def _drain(self, _: Request) -> Response:
        self._proxy.drain()
        return text("OK\n")

    def _health(self, *, healthy: bool) -> Response:
        self._proxy.healthy = healthy
        return text("OK\n")

    def _quit(self, _: Request) -> Response:
        self._proxy.quit()
        return text("OK\n")


def distribution_version() -> str:
    """Looked up when somebody asks: reading package metadata costs a start 10 ms."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pocketmesh")
    except PackageNotFoundError:
        return "latest"


def memory_bytes() -> dict[str, int]:
    """Envoy's keys. Allocated = private memory of this process; physical = all it has resident."""
    sizes: dict[str, int] = {}
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]:
        key, _, value = line.partition(":")
        sizes[key] = int(value.split()[0]) * 1024
    private = sizes.get("Private_Clean", 0) + sizes.get("Private_Dirty", 0)
    return {
        "allocated": private,
        "heap_size": sizes.get("Anonymous", 0),
        "pageheap_unmapped": 0,
        "pageheap_free": 0,
        "total_thread_cache": 0,
        "total_physical_bytes": sizes.get("Rss", 0),
    }


def _exposition(body: str) -> Response:
    return Response(200, body.encode(), "text/plain; version=0.0.4; charset=utf-8")


def _timestamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
