"""What is asked of a running pod over an upgraded connection: `pods/exec`, `pods/portforward`."""

from __future__ import annotations

import logging
import socket

from aiohttp import web

from mesh.kube.objects import Object
from orchestrator.api import remote_command, web_sockets
from orchestrator.api.call import Call
from orchestrator.api.errors import bad_request, failure, not_implemented
from orchestrator.api.node import NodeBackend
from orchestrator.api.port_forward import SpdyForwarder, serve_channels
from orchestrator.api.remote_command import Wanted
from orchestrator.api.resources import Resources
from orchestrator.api.spdy import SpdyError
from orchestrator.api.streams import container_of

log = logging.getLogger(__name__)

ARGUMENTS_MAX = 4096
PORTS_MAX = 64
"""Two channels each, and a channel is one byte."""


class PodStreams:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def serve(self, request: web.BaseRequest, call: Call, node: NodeBackend | None) -> web.StreamResponse:
        pod = await self._resources.get(call)
        if node is None:
            raise not_implemented("this server has no node that runs pods")
        if call.subresource == "portforward":
            return await self._forward(request, pod, node)
        return await self._execute(request, call, pod, node)

    async def _forward(self, request: web.BaseRequest, pod: Object, node: NodeBackend) -> web.StreamResponse:
        phase = (pod.get("status") or {}).get("phase")
        if phase != "Running":
            raise bad_request(f"unable to forward port because pod is not running. Current status={phase}")
        if not web_sockets.is_web_socket(request):
            raise failure(400, "unable to upgrade: this server carries port-forward over WebSocket only")

        async def connect(port: int) -> socket.socket:
            return await node.connect(pod, port)

        if web_sockets.SPDY_TUNNEL in request.headers.get("Sec-WebSocket-Protocol", ""):
            accepted = await web_sockets.accept(request, (web_sockets.SPDY_TUNNEL,))
            try:
                await SpdyForwarder(web_sockets.WebSocketTunnel(accepted), connect).run()
            except SpdyError as problem:
                log.warning("port-forward: the client does not speak SPDY/3.1: %s", problem)
        else:
            ports = _ports(request.query.getall("ports", []))
            accepted = await web_sockets.accept(request)
            await serve_channels(web_sockets.WebSocketChannels(accepted), ports, connect)
        await accepted.close()
        return accepted

    async def _execute(
        self, request: web.BaseRequest, call: Call, pod: Object, node: NodeBackend
    ) -> web.StreamResponse:
        query = request.query
        wanted = Wanted(*(query.get(name) in ("true", "1") for name in ("stdin", "stdout", "stderr", "tty")))
        argv = query.getall("command", [])
        if not (wanted.stdin or wanted.stdout or wanted.stderr):
            raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
        if wanted.terminal and wanted.stderr:
            raise bad_request("tty and stderr cannot both be true")
        if not argv or len(argv) > ARGUMENTS_MAX:
            raise bad_request("you must specify a command")
        container = container_of(call, pod, query.get("container", ""))
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            phase = pod["status"]["phase"]
            raise bad_request(f"cannot exec into a container in a completed pod; current phase is {phase}")
        if not web_sockets.is_web_socket(request):
            # kubectl asks again with SPDY when a WebSocket was refused, and shows only this second answer.
            if not _runs(pod, container):
                raise failure(500, f'unable to upgrade connection: container not found ("{container}")')
            raise failure(400, "unable to upgrade: this server carries exec over WebSocket (v5 or v4) only")
        session = node.execute(pod, container, argv, terminal=wanted.terminal)
        try:
            accepted = await web_sockets.accept(request)
        except BaseException:
            session.close()
            raise
        await remote_command.serve(web_sockets.WebSocketChannels(accepted), session, wanted)
        await accepted.close()
        return accepted


def _runs(pod: Object, container: str) -> bool:
    status = pod.get("status") or {}
    lists = (status.get(name) or [] for name in ("containerStatuses", "initContainerStatuses"))
    return any(
        known["name"] == container and "running" in (known.get("state") or {}) for all_ in lists for known in all_
    )


def _ports(given: list[str]) -> list[int]:
    words = [word for text in given for word in text.split(",")]
    if not words or len(words) > PORTS_MAX:
        raise bad_request("you must specify at least 1 port" if not words else f"at most {PORTS_MAX} ports")
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) <= 5 and 0 < int(word) < 1 << 16):
            raise bad_request(f"invalid port: {word}")
    return [int(word) for word in words]
