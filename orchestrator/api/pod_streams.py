"""What is asked of a running pod over an upgraded connection: `pods/exec`."""

from __future__ import annotations

from aiohttp import web

from mesh.kube.objects import Object
from orchestrator.api import remote_command, web_sockets
from orchestrator.api.call import Call
from orchestrator.api.errors import bad_request, failure, not_implemented
from orchestrator.api.node import NodeBackend
from orchestrator.api.remote_command import Wanted
from orchestrator.api.resources import Resources
from orchestrator.api.streams import container_of

ARGUMENTS_MAX = 4096


class PodStreams:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def serve(self, request: web.BaseRequest, call: Call, node: NodeBackend | None) -> web.StreamResponse:
        pod = await self._resources.get(call)
        if node is None:
            raise not_implemented("this server has no node that runs pods")
        return await self._execute(request, call, pod, node)

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
            raise failure(400, "unable to upgrade: this server carries exec over WebSocket (v5 or v4) only")
        session = node.execute(pod, container, argv, terminal=wanted.terminal)
        try:
            socket = await web_sockets.accept(request)
        except BaseException:
            session.close()
            raise
        await remote_command.serve(web_sockets.WebSocketChannels(socket), session, wanted)
        await socket.close()
        return socket
